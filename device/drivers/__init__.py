"""What turns chips into objects: touch and display. They know no pins; boards/ hands them a bus."""
