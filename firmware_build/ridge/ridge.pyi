"""The C module `ridge`: ridge regression in closed form on plain arrays, for editors and people.

Arrays. Every array is a buffer that the caller owns; nothing is allocated, returned or kept. A
buffer of the right typecode serves (array, memoryview, a dense ulab array), and so do raw bytes
(bytearray, bytes, array "B") that are aligned to the element: little-endian, as the machine is.
Outputs must be writable. Matrices are flat, row by row. In the shapes below

    n images or rows    m features or the order of a system    q neurons or filters    p columns
    k classes           packed(m) = m*(m+1)/2: a lower triangle, row by row, diagonal included

and the typecode comes first: h int16, H uint16, i int32, q int64, B uint8, f float32.

Units. Encoded images and hidden vectors are int16 in units of 1/512 (UNIT), about 512 long, so
Gram matrices count 1/512^2 (2^-18). Layer-1 weights are int16 in units of 1/16384 (WEIGHT).
Integer results are exact. Float results are float32, made by the same operations in the same
order on every machine: the same bits everywhere.

Errors. Everything is checked before anything is written, but for three cases: where factor()
stops, the rows above are done; where a solution overflows, x holds it; where a hidden vector of
project() is too long, h holds those before it. Inputs are never written. The sentence names the
argument, what was wanted and what came.

    TypeError      no buffer, one that cannot be written, or another typecode
    ValueError     wrong length, alignment, size or order; arrays that overlap; a label or a pixel
                   number out of range; NaN or infinity; images taken away that were never added;
                   a system that is not positive definite
    OverflowError  a sum could leave its integer type

What to stumble on.
  - A bytearray says nothing of its type: factor() takes a raw gram for int32. Pass float32 systems
    as array("f") or as a memoryview of one.
  - Slices of an array copy, slices of a memoryview do not: only these write into the whole. They
    count elements: of a memoryview over a bytearray, bytes. `memoryview(x)[2*m*first : 2*m*last]`.
  - Outputs are written over, but gram, class_sums and merge add to theirs: start from zeros.
  - Workspace is any writable buffer, of bytes too, aligned to 4 bytes and of work_bytes() or more.
    It holds nothing between calls and may not overlap anything. Only solve() works in place.
  - The factor's diagonal holds reciprocals, 1 / L_ii, since all solves multiply.
  - remove=True sees from the diagonal, not for certain, that images were never added. What was
    taken away by mistake comes back, to the bit, by adding the same images again.
  - A call runs to its end: Ctrl-C, a screen or a watchdog waits. Give long work in slices (rows of
    gram and kernel, first and last of factor and inverse_diagonal, columns of solve).
"""

from collections.abc import Sequence
from typing import Protocol

class _Buffer(Protocol):
    """Anything with the buffer protocol: array, bytearray, memoryview, a dense ulab array."""

UNIT: int  # 512: length of an encoded image and of a hidden vector
WEIGHT: int  # 16384: length of a layer-1 weight vector
PANEL: int  # 16: columns solved together, and rows that factor and kernel take in one go
ROWS: int  # 32: rows that project takes in one go
BATCH: int  # 64: images that gram takes in one go; slices of as many waste nothing
MAX_CLASSES: int  # 16
PATCH: int  # 6: side of a patch
GRID: int  # 4: the responses of a filter are pooled over a 4 x 4 grid
MIRROR_COLUMNS: int  # 6: those of a mirror layer over 4 rows of 6 cells
MAX_FILTERS: int  # 64

def work_bytes(m: int, q: int = 0) -> int:
    """Bytes of workspace that serve all functions for rows of m, systems of order m, q neurons.

    m  1 to 65535: the larger of features and order, where one workspace is to serve both
    q  0 to 65535

    Single functions may do with less, down to what their error message says.
    """

def kernels(name: str | None = None) -> str:
    """The set of inner loops in use before; name chooses another one.

    "plain" is everywhere, "m7" on Cortex-M cores with DSP and FMA, where it is the default. All
    give the same bits. ValueError: a set that is not built in.
    """

# ---- integers: encoding, Gram matrices, inference ----

def encode(images: _Buffer, keep: _Buffer, x: _Buffer) -> None:
    """x = round(512 * sqrt(pixel / sum of the image's kept pixels)); a blank image gives zeros.

    images  B (n, d)  d pixels each, at most 65535; n follows from x
    keep    H (m)     numbers of the pixels that become features, each below d
    x       h (n, m)  out

    ValueError: a pixel number of d or more.
    """

def gram(x: _Buffer, g: _Buffer, work: _Buffer, remove: bool = False) -> None:
    """g += x'x, exactly; g -= x'x with remove.

    x     h (n, m)         m follows from g
    g     i packed(m)      in and out, units of 2^-18; start from zeros
    work  work_bytes(m)

    OverflowError: the largest diagonal element plus n times the largest x^2 passes 2^31 - 1. One
    encoded image adds 2^18 at most, so 8191 images always fit, and one more is refused where a
    pixel was alone in all of them. ValueError: with remove, a diagonal element would turn
    negative. g is unchanged after either.
    """

def kernel(x: _Buffer, m: int, k: _Buffer, work: _Buffer, first: int = 0) -> None:
    """Rows first to n-1 of k = x x', exactly; rows before first are left as they are.

    x      h (n, m)      all rows up to the last one wanted, 65535 at most
    m      1 to 65535
    k      i packed(n)   out, at least; units of 2^-18
    work   work_bytes(m)
    first  0 to n

    OverflowError: the squares of a row sum to more than 2^31 - 1 (of an encoded image: 2^18).
    """

def class_sums(
    x: _Buffer, labels: _Buffer, sums: _Buffer, counts: _Buffer, remove: bool = False
) -> None:
    """Adds each row of x to the sums of its class and counts it; takes them away with remove.

    x       h (n, m)
    labels  B (n)      each below k
    sums    i (k, m)   in and out, units of 1/512
    counts  i (k)      in and out; their number is k, 256 at most

    ValueError: a label of k or more; with remove, more images of a class than were counted.
    OverflowError: more than 65535 images in a class. All is unchanged after any.
    """

def crc32(data: _Buffer, crc: int = 0) -> int:
    """CRC-32 of any buffer, as binascii.crc32() gives it but in a third of the time."""

def trace(g: _Buffer) -> int:
    """Sum of the diagonal of g, i packed(m)."""

def merge(a: _Buffer, b: _Buffer, remove: bool = False) -> None:
    """a += b, or a -= b with remove, both i of one length: Gram matrices, sums or counts of two
    boards.

    OverflowError: an element would leave int32; a is unchanged.
    """

def project(x: _Buffer, w: _Buffer, m: int, h: _Buffer, work: _Buffer) -> None:
    """h = relu(x w') with each row scaled to length 512; a row without an active neuron is zeros.

    x     h (n, m)
    w     h (q, m)     as unit_rows() gives it; any scale gives the same h up to rounding
    m     1 to 65535
    h     h (n, q)     out
    work  work_bytes(m, q); for one row of x at a time 4*q do

    OverflowError: m times the squares of a row of x pass 2^32 - 4 (of an encoded image they are
    about m * 2^18: m up to some 16000), or the squares of its hidden values 2^63.
    """

def nearest(x: _Buffer, rows: _Buffer) -> tuple[int, int]:
    """The row most like x: (number of the row, inner product), the first of several.

    x     h (m)      an encoded image
    rows  h (n, m)   one or more; those of encoded images give a cosine in units of 2^-18

    OverflowError: m * sum x^2 is 2^32 - 3 or more.
    """

def extent(x: _Buffer, m: int) -> tuple[int, int]:
    """(smallest element, largest sum of the squares of a row); zeros where there is no row.

    x  h (n, m)
    m  1 to 65535
    """

def goodness(
    f: _Buffer, w: _Buffer, v: _Buffer, good: _Buffer, labels: _Buffer | None = None
) -> None:
    """good[i, l] = sum over neurons c of relu(w_c . f_i + v[c, l])^2, exactly.

    f       h (n, m)   m follows from w
    w       h (k, m)   units of 2^-e, whichever
    v       i (k, k)   [neuron, label], units of 2^-(e+9); its order is k, 1 to 16
    good    q (n, k)   out, units of 2^-2(e+9)
    labels  B (n)      out where given: the first label of most goodness

    OverflowError: longest f times longest w plus largest |v| reaches 7e8, so that 16 squares might
    not fit int64.
    """

def powers(k: _Buffer, first: int, last: int) -> None:
    """phi(u) = ((1 + u)/2)^4 for rows first to last-1 of k, in place and exactly rounded down.

    k      i packed(n)   at least last rows; inner products u of vectors of length 1 in units of
                         2^-18, as kernel() gives them; afterwards units of 2^-30
    first  0 to last
    last   up to 65535

    With t = u + 2^18: phi = (t*t >> 8)^2 >> 30. OverflowError: a u that is not from -1 to 1.25; k
    is unchanged.
    """

def kernel_goodness(
    f: _Buffer,
    rows: _Buffer,
    alpha: _Buffer,
    v: _Buffer,
    shift: int,
    good: _Buffer,
    work: _Buffer,
    labels: _Buffer | None = None,
) -> None:
    """Goodness of every label from a kernel class layer, exactly.

    z_c = (sum over stored images s of alpha[c, s] * phi(rows_s . f_i)) >> shift, phi as powers()
    has it, then good[i, l] = sum over neurons c of relu(z_c + v[c, l])^2.

    f       h (n, m)   features, about 512 long; m follows from rows
    rows    h (s, m)   features of the stored images; s follows from alpha
    alpha   h (k, s)   units of 2^-e, whichever
    v       i (k, k)   [neuron, label], units of 2^-d, whichever; its order is k, 1 to 16
    shift   0 to 63    30 + e - d
    good    q (n, k)   out, units of 2^-2d
    work    4*s bytes
    labels  B (n)      out where given: the first label of most goodness

    OverflowError: the |alpha| of a neuron sum to A with (1.602 * 2^30 * A >> shift) + largest |v|
    of 7e8 or more, or m * sum f^2 passes 2^32 - 4 (good is unchanged); or an inner product is not
    from -1 to 1.25 (good holds what was done before).
    """

def gram_goodness(
    k: _Buffer,
    n: int,
    first: int,
    last: int,
    alpha: _Buffer,
    v: _Buffer,
    shift: int,
    good: _Buffer,
    work: _Buffer,
    labels: _Buffer | None = None,
) -> None:
    """kernel_goodness() of the stored images first to last-1 themselves, from their powers.

    k       i packed(n)       at least; after powers()
    n       1 to 65535        stored images
    alpha   h (classes, n)
    v       i (classes, classes)
    shift   0 to 63
    good    q (last-first, classes)   out
    work    4*n bytes
    labels  B (last-first)    out where given

    OverflowError: as kernel_goodness(), or a number of k that powers() does not give.
    """

def outputs(f: _Buffer, w: _Buffer, m: int, z: _Buffer) -> None:
    """z = f w', exactly.

    f  h (n, m)
    w  h (q, m)
    m  1 to 65535
    z  i (n, q)   out

    OverflowError: m * sum f^2 of a row passes 2^32 - 4; z is unchanged.
    """

# ---- images ----

def copies(image: _Buffer, height: int, width: int, out: _Buffer, first: int = 1) -> None:
    """Distorted copies of an image: number first, first + 1, ... as many as out has room for.

    image          B (height, width)
    height, width  1 to 4096, at most 65535 pixels
    out            B (copies, height, width)   out
    first          1 to 255, and so is the last

    Each is turned (+-0.3 radians), scaled (0.8 to 1.2), sheared (+-0.3) and shifted (+-1.5 pixels
    of 28), bilinear and 0 outside, all in integers. Its numbers follow from the CRC-32 of the
    image and its own number.
    """

# ---- the patch layer: images of 9 x 9 pixels or more, all places of 6 x 6 patches ----

def patch_work_bytes(q: int = 0) -> int:
    """Bytes of workspace for patch_gram(), and for patch_features() with q filters, 0 to 64."""

def patch_gram(
    x: _Buffer,
    height: int,
    width: int,
    g: _Buffer,
    sums: _Buffer,
    work: _Buffer,
    remove: bool = False,
) -> int:
    """g += p'p and sums += p over 12 patches p of each image, exactly; gives how many counted.

    x              h (n, height*width)   encoded images, all pixels kept
    height, width  9 to 4096, at most 65535 pixels
    g              i packed(36)          in and out, units of 2^-18; start from zeros
    sums           i (36)                in and out, units of 1/512; likewise
    work           patch_work_bytes()
    remove         takes the same patches away

    Which patches follows from the image alone (CRC-32 of its row of x), so that removing an image
    takes away what adding it brought. Blank ones, all elements equal, do not count.

    OverflowError: 12*n times the largest x^2 might lead beyond 2^31 - 1. ValueError: with remove,
    a diagonal element of g would turn negative. All is unchanged after either.
    """

def patch_contrast(
    x: _Buffer, height: int, width: int, a: _Buffer, b: _Buffer, seed: int, out: _Buffer
) -> None:
    """Column j of out = patch of x[a_j] - patch of x[b_j] at one place: right-hand sides.

    x     h (n, height*width)
    a     H (q)       image numbers below n
    b     H (q)       likewise
    seed  its last 32 bits count
    out   f (36, q)   out, in whole units

    The place is the first of up to 16 drawn ones at which the two differ, else out has zeros.
    """

def patch_filters(
    b: _Buffer, g: _Buffer, sums: _Buffer, patches: int, w: _Buffer, bias: _Buffer
) -> int:
    """Filters from solutions b: scaled to responses of variance 1, rounded; gives the exponent e.

    b        f (36, q)      q = 4, 8, ... 64
    g        i packed(36)   of patch_gram()
    sums     i (36)         likewise
    patches  1 or more      likewise
    w        h (q, 36)      out, units of 2^-e
    bias     i (q)          out, mean responses in units of 2^-(e+9)

    e is the largest up to 14 at which the squares of every row of w sum to less than 2^29 and
    biases are below 2^24. A column that is zero, denormal (below 1.2e-38) or has no variance over
    the statistics gives zeros. ValueError: NaN or infinity; w and bias are unchanged.
    """

def patch_features(
    x: _Buffer,
    height: int,
    width: int,
    w: _Buffer,
    bias: _Buffer,
    threshold: int,
    f: _Buffer,
    work: _Buffer,
) -> None:
    """f = pooled responses of the filters at all places, as a vector of length 512.

    x          h (n, height*width)
    w          h (q, 36)      q = 4, 8, ... 64
    bias       i (q)
    threshold  0 or more, in units of bias
    f          h (n, 32*q)    out: [cell of the grid][channel], 2*q channels
    work       patch_work_bytes(q)

    z = w.p - bias for the patch p at each place; channel j pools relu(z_j - threshold), channel
    q + j relu(-z_j - threshold): the mean over the places of a cell, rounded down, then its square
    root, and all 32*q scaled to length 512 and rounded. Row or column k of the grid begins at
    place round(k/4 of the places in that direction). An image without a response gives zeros.

    OverflowError: the squares of a row of w sum to 2^29 or more, those of an image to more than
    1.5 * 2^18 (encoded: 2^18), or |bias| + threshold passes 2^25; f is unchanged.
    """

def mirror_work_bytes(q: int) -> int:
    """Bytes of workspace for mirror_features() with q filters, 1 to 32."""

def mirror_features(
    x: _Buffer,
    height: int,
    width: int,
    w: _Buffer,
    bias: _Buffer,
    threshold: int,
    f: _Buffer,
    work: _Buffer,
) -> None:
    """patch_features() of an image together with its mirror image: both have the same f.

    height, width  11 to 4096, at most 65535 pixels
    w              h (q, 36)      q = 4, 8, ... 32
    f              h (n, 48*q)    out: [cell][channel], 4*q channels
    work           mirror_work_bytes(q)

    The cells are those of a 4 x 6 grid in the left half of the image, row by row: 3 in a row.
    Channel j pools relu(z_j - threshold), q + j that of filter j mirrored, the next 2*q
    relu(-z - threshold) likewise: its mean over the cell, plus that of the mirrored filter over
    the mirrored cell. The rest, and what is raised, is as in patch_features().
    """

# ---- floats: ridge regression ----

def factor(
    gram: _Buffer,
    l: _Buffer,
    work: _Buffer,
    *,
    first: int = 0,
    last: int | None = None,
    scale: float = 1.0,
    diagonal: float = 0.0,
    rank1: float = 0.0,
    v: _Buffer | None = None,
) -> None:
    """Rows first to last-1 of the Cholesky factor of scale * gram + rank1 * v v' + diagonal * I.

    gram      i or f packed(m)  never written; raw bytes count as int32
    l         f packed(m)       in and out: rows before first from earlier calls with the same
                                system; the diagonal holds 1 / L_ii
    work      work_bytes(m)
    first     0 to last
    last      up to m, which is the default; the slices do not matter to the bits
    v         f (m)             all ones where None

    ValueError: "not positive definite at row ..." where a pivot is not above 2^-21 of its diagonal
    element, which is float32's rounding: want a larger diagonal. "NaN or infinity at row ...".
    Rows of l above the one named are done then. A condition (largest by smallest eigenvalue) up to
    1e5 or so gets through; near 1e7 and beyond expect refusal.
    """

def solve(l: _Buffer, b: _Buffer, x: _Buffer, work: _Buffer) -> None:
    """x = A^-1 b, from the factor l of A.

    l     f packed(m)
    b     f (m, p)          any p; work is done for 16 columns at a time
    x     f (m, p)          out; may be b itself, but not overlap it otherwise
    work  work_bytes(m)

    ValueError: NaN or infinity in b (x is unchanged then), or in the solution. l is not looked at.
    """

def leverage(
    l: _Buffer, f: _Buffer, total: _Buffer, ratio: float, out: _Buffer, work: _Buffer
) -> None:
    """out[i] = u' A^-1 u with u = f_i / 512 - ratio * total.

    l      f packed(m)
    f      h (n, m)
    total  f (m)
    out    f (n)            out
    work   work_bytes(m)
    """

def leverage_block(
    l: _Buffer, f: _Buffer, total: _Buffer, ratio: float, out: _Buffer, work: _Buffer
) -> None:
    """out[i, j] = u_i' A^-1 u_j for r rows of f, u as for leverage().

    l      f packed(m)
    f      h (r, m)       1 to 16 rows
    total  f (m)
    out    f (r, r)       out
    work   work_bytes(m)
    """

def inverse_block(l: _Buffer, m: int, first: int, last: int, out: _Buffer, work: _Buffer) -> None:
    """out = rows and columns first to last-1 of A^-1.

    l      f packed(m)    at least
    m      1 to 65535
    first  0 to last-1
    last   up to m, and r = last - first at most 16
    out    f (r, r)       out
    work   work_bytes(m)
    """

def inverse_diagonal(
    l: _Buffer, out: _Buffer, work: _Buffer, first: int = 0, last: int | None = None
) -> None:
    """out[first:last] = that part of the diagonal of A^-1.

    l     f packed(m)
    out   f (m)             out: always all m elements long
    work  work_bytes(m)
    """

def combine(x: _Buffer, c: _Buffer, n: int, out: _Buffer) -> None:
    """out = x' c: the weights of a dual solution c.

    x    h (n, m)
    c    f (n, p)
    n    1 to 65535
    out  f (m, p)   out. x counts as it is, in 512ths: scale c by 1/512 for weights of features.
    """

def contrast(x: _Buffer, m: int, a: _Buffer, b: _Buffer, out: _Buffer) -> None:
    """Column j of out = x[a_j] - x[b_j]: right-hand sides of layer 1.

    x    h (n, m)
    m    1 to 65535
    a    H (p)      row numbers below n
    b    H (p)      likewise
    out  f (m, p)   out, in 512ths
    """

def class_targets(
    sums: _Buffer, counts: _Buffer, ratio: float, total: _Buffer, b: _Buffer
) -> None:
    """total = all class sums together; column c of b = sum of class c - ratio * counts[c] * total.

    sums    i (k, m)   units of 1/512
    counts  i (k)
    total   f (m)      out, in whole units
    b       f (m, k)   out, in whole units
    """

def total_dot(total: _Buffer, b: _Buffer, out: _Buffer) -> None:
    """out = total' b.

    total  f (m)
    b      f (m, p)
    out    f (p)     out; its length is p
    """

# ---- floats to integers ----

def unit_rows(b: _Buffer, m: int, w: _Buffer) -> None:
    """Row j of w = column j of b, scaled to length 16384 and rounded, halves away from zero.

    b  f (m, p)
    m  1 to 65535
    w  h (p, m)   out; a column that is zero or denormal (below 1.2e-38) gives zeros

    ValueError: NaN or infinity; w is unchanged.
    """

def quantise(b: _Buffer, m: int, w: _Buffer, limit: int) -> int:
    """w = round(b' * 2^e), halves away from zero; gives e: the largest that fits, at most limit.

    b      f (m, p)
    m      1 to 65535
    w      h (p, m)      out
    limit  -100 to 100   also what an all-zero b gives, at most 15

    All columns share e. ValueError: NaN or infinity; w is unchanged.
    """

def leave_one_out(
    f: _Buffer,
    w: _Buffer,
    v: _Buffer,
    labels: _Buffer,
    leverage: _Buffer,
    numbers: Sequence[float],
    predicted: _Buffer,
    residual: _Buffer,
    margin: _Buffer,
    targets: _Buffer | None = None,
) -> None:
    """What a class layer trained without image i (under any label) would say of it; for all i.

    f          h (n, m)
    w          h (k, m)   the class layer as goodness() takes it
    v          i (k, k)   2 to 16 classes
    labels     B (n)      the right ones, each below k
    leverage   f (n)      from leverage(), or inverse_diagonal() in dual form
    numbers    (offset, factor, unit, keep): 1 - g - k v_i = offset + factor * leverage[i];
               unit, the value of one integer step of w.f; keep = 1 - g, above 0
    predicted  B (n)      out: left-out label
    residual   f (n)      out: sum of squared left-out errors over neurons and labels
    margin     f (n)      out: left-out goodness of the right label less the best wrong one
    targets    f (2, k)   target of neuron c on positive data of class c, and the factor that it
                          gets when one of its images is left out; 1 and 1 where None

    ValueError: a label of k or more, NaN or infinity among the leverages. OverflowError: as for
    goodness(). Where rounding has used up the slack, it counts as 2^-21 of keep: the errors come
    out large, as they should.
    """

def leave_group_out(
    block: _Buffer,
    residual: _Buffer,
    group: int,
    labels: _Buffer,
    numbers: _Buffer,
    predicted: _Buffer,
    residuals: _Buffer,
    margins: _Buffer,
) -> None:
    """Labels that a class layer trained without an image and its copies gives it, for some images.

    block      f (r, r)      rows and columns of the images in the inverse of the system, r from 1
                             to 16: whole groups of `group` rows, row 0 of each the image
    residual   f (r, k)      the same rows of the solution
    group      1 to 16
    labels     B (r/group)   the right ones, below k
    numbers    f (4, k)      targets: target of neuron c on positive data of class c; gain: the
                             factor that it gets when a group of its class is left out;
                             across: how far apart its outputs for label c and for others are where
                             a group of another class is left out; own: of its own class
    predicted  B (r/group)   out: left-out labels
    residuals  f (r/group)   out: sums of squared left-out errors over neurons and labels
    margins    f (r/group)   out: left-out goodness of the right label less the best wrong one

    With e the first row of the group's block's inverse times its residuals, the output of neuron c
    for label l is (y_c - e_c) + a_c ([l = c] - 1/k), times gain[c] for the right neuron; y_c is
    targets[c] / k for the right neuron and 0 for others, a_c is own[c] or across[c].

    ValueError: NaN or infinity, a label, or a diagonal element of block that is not above 0. A
    pivot that rounding has used up counts as 2^-21 of its diagonal element.
    """
