"""What turns chips into objects: touch and display. Pins and buses come from boards."""
