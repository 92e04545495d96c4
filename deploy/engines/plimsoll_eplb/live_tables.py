"""The tables of an engine's memory that its kernels read, written in place so that captured graphs see the change."""

import zlib


class LiveTables:
    """
    slots_of: tensor `[layers][experts][width]`, an expert's slots; what follows the first `counts` of them is not read
    counts: tensor `[layers][experts]`
    """

    def __init__(self, slots_of, counts):
        self.slots_of = slots_of
        self.counts = counts

    @property
    def width(self):
        return self.slots_of.shape[2]

    def staged(self, built, entries):
        """A table (tables.py, of any number of layers) as a tensor that can be written without waiting."""
        import torch

        experts = self.slots_of.shape[1]
        tensor = torch.frombuffer(built, dtype=torch.int64).reshape(-1, experts, entries).to(self.slots_of.dtype)
        return tensor if self.slots_of.device.type == "cpu" else tensor.pin_memory()

    def write(self, staged, first=0):
        """Puts a staged table in place, from a layer on. Who writes keeps `staged` until the next is written."""
        layers, _, entries = staged.shape
        # A slice, also where one layer is written: the views that layers hold are of the same memory.
        self.slots_of[first : first + layers, :, :entries].copy_(staged, non_blocking=True)
        self.counts[first : first + layers].fill_(entries)

    def digests(self):
        """Of what each layer reads; waits for the device."""
        counts = self.counts.cpu()
        return digests(self.slots_of[:, :, : int(counts.max())].cpu(), counts)


def digests(slots_of, counts):
    """crc32 of every layer. slots_of: `[layers][experts][entries]`, counts: `[layers][experts]`, or one for all"""
    found = []
    for layer in range(slots_of.shape[0]):
        row = counts if isinstance(counts, int) else counts[layer].tolist()
        said = ",".join(map(str, [row] * slots_of.shape[1] if isinstance(row, int) else row))
        found.append(zlib.crc32(slots_of[layer].numpy().tobytes(), zlib.crc32(said.encode())))
    return found
