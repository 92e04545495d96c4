"""What the plug-ins use of torch, on lists: strided views of one memory."""

int64 = "int64"
int32 = "int32"


class Device:
    type = "cpu"


class Tensor:
    device = Device()

    def __init__(self, memory, shape, strides=None, offset=0, dtype="float32"):
        self.memory = memory
        self.shape = tuple(shape)
        self.strides = strides or _dense(self.shape)
        self.offset = offset
        self.dtype = dtype

    def _places(self):
        places = [self.offset]
        for size, stride in zip(self.shape, self.strides):
            places = [place + i * stride for place in places for i in range(size)]
        return places

    def __getitem__(self, key):
        offset, shape, strides = self.offset, [], []
        keys = key if isinstance(key, tuple) else (key,)
        keys += (slice(None),) * (len(self.shape) - len(keys))
        for one, size, stride in zip(keys, self.shape, self.strides):
            if isinstance(one, int):
                offset += one * stride
                continue
            first, last, _ = one.indices(size)
            offset += first * stride
            shape.append(max(0, last - first))
            strides.append(stride)
        return Tensor(self.memory, shape, tuple(strides), offset, self.dtype)

    def tolist(self):
        return self.memory[self.offset] if not self.shape else [self[i].tolist() for i in range(self.shape[0])]

    def item(self):
        (place,) = self._places()
        return self.memory[place]

    def sum(self, dim):
        assert dim == 0
        return tensor([_added(rows) for rows in zip(*self.tolist())], self.dtype)

    def max(self):
        return max(self.memory[place] for place in self._places())

    def copy_(self, other, non_blocking=False):
        assert self.shape == other.shape, (self.shape, other.shape)
        for place, value in zip(self._places(), [other.memory[place] for place in other._places()]):
            self.memory[place] = value
        return self

    def add_(self, other):
        assert self.shape == other.shape, (self.shape, other.shape)
        for place, more in zip(self._places(), other._places()):
            self.memory[place] += other.memory[more]
        return self

    def fill_(self, value):
        for place in self._places():
            self.memory[place] = value
        return self

    def zero_(self):
        return self.fill_(0)

    def clone(self):
        return Tensor([self.memory[place] for place in self._places()], self.shape, dtype=self.dtype)

    cpu = clone

    def reshape(self, *shape):
        whole = self.clone()
        known = 1
        for size in shape:
            known *= abs(size)
        return Tensor(whole.memory, [len(whole.memory) // known if size < 0 else size for size in shape], dtype=self.dtype)

    def to(self, dtype):
        self.dtype = dtype
        return self

    def numpy(self):
        return _Bytes(self)


class _Bytes:
    def __init__(self, of):
        self._of = of

    def tobytes(self):
        return repr(self._of.clone().memory).encode()


def _added(rows):
    return [sum(values) for values in zip(*rows)] if isinstance(rows[0], list) else sum(rows)


def _dense(shape):
    strides, stride = [], 1
    for size in reversed(shape):
        strides.append(stride)
        stride *= size
    return tuple(reversed(strides))


def tensor(rows, dtype="float32"):
    shape, level = [], rows
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0]
    flat = [rows]
    for _ in shape:
        flat = [value for row in flat for value in row]
    return Tensor(flat, shape, dtype=dtype)


def full(shape, value, dtype="float32"):
    size = 1
    for part in shape:
        size *= part
    return Tensor([value] * size, shape, dtype=dtype)


def zeros(shape, dtype="float32"):
    return full(shape, 0, dtype)


def zeros_like(other, dtype=None):
    return full(other.shape, 0, dtype or other.dtype)


def frombuffer(buffer, dtype):
    return Tensor(list(buffer), (len(buffer),), dtype=dtype)
