"""What the plug-ins use of torch: tensors of nested lists."""

int64 = "int64"


class Tensor:
    def __init__(self, rows, dtype="float32"):
        self.rows = rows
        self.dtype = dtype

    @property
    def shape(self):
        sizes, level = [], self.rows
        while isinstance(level, list):
            sizes.append(len(level))
            level = level[0]
        return tuple(sizes)

    def tolist(self):
        return [list(row) if isinstance(row, list) else row for row in self.rows]

    def sum(self, dim):
        assert dim == 0
        return Tensor([[sum(column) for column in zip(*rows)] for rows in zip(*self.rows)])


def tensor(rows, dtype=None):
    return Tensor(rows, dtype)
