"""The mirror layer: a patch layer to which an image and its mirror image are the same.

Each filter is used twice: as it is, and mirrored (its columns in reverse). The responses of a
filter at a place and of the mirrored filter at the mirrored place are pooled together, over the
cells of the left half of a 4 x 6 grid. An image and its mirror image have the same outputs, byte
for byte. It is for images whose meaning a mirror does not change, like clothes; letters and digits
are not such.
"""

import ridge

from .patch import PatchLayer


class MirrorLayer(PatchLayer):
    """Layer 1 of filters and their mirror images; its fields are those of PatchLayer."""

    NAME = "mirror"
    KIND = 5
    OUTPUTS = 16

    MOST = ridge.MAX_FILTERS // 2
    CELLS = ridge.MIRROR_COLUMNS  # at most, in a direction
    EACH = 2 * ridge.GRID * CELLS
    RESPONSES = 2

    @property
    def work_bytes(self):
        """Workspace of forward()."""
        return ridge.mirror_work_bytes(self.neurons)

    batch_work_bytes = work_bytes

    def forward(self, x, out, work):
        """x (int16, n x inputs) -> out (int16, n x outputs)."""
        ridge.mirror_features(
            x, self.height, self.width, self.w, self.bias, self.threshold, out, work
        )
