"""Pictures with known places in them, and files of the formats we do not write ourselves."""

import numpy as np
import tifffile
from PIL import Image

from rimlight.io.pyramids import write_pyramid

GLASS = (240.0, 236.0, 228.0)


def blank(width_px, height_px, colour=GLASS):
    """A picture of one colour."""
    return np.broadcast_to(np.uint8(colour), (height_px, width_px, 3)).copy()


def spots(width_px, height_px, centres, *, sigma_px=4.0):
    """Glass with a dark round spot at each (x, y), drawn to a part of a pixel.

    Red, green and blue spots differ in depth, so that exchanged channels show.
    """
    picture = blank(width_px, height_px).astype(np.float64)
    x, y = np.arange(width_px) + 0.5, np.arange(height_px) + 0.5
    for centre_x, centre_y in centres:
        across = np.exp(-((x - centre_x) ** 2) / (2 * sigma_px**2))
        down = np.exp(-((y - centre_y) ** 2) / (2 * sigma_px**2))
        picture -= np.outer(down, across)[..., None] * (60.0, 120.0, 180.0)
    return np.rint(picture).astype(np.uint8)


def stained(width_px, height_px):
    """Glass with brown and blue squares on it; passes for a slide."""
    picture = blank(width_px, height_px)
    picture[height_px // 4 : height_px // 2, width_px // 4 : width_px // 2] = (140, 90, 50)
    picture[height_px // 2 : -height_px // 4, width_px // 2 : -width_px // 4] = (110, 120, 180)
    return picture


def centroid(patch, white=GLASS):
    """x, y of the centre of darkness in blue, in pixels of the patch."""
    dark = (white[2] - patch[..., 2].astype(float)).clip(0)
    dark[dark < 8] = 0
    rows, columns = np.indices(dark.shape) + 0.5
    return (columns * dark).sum() / dark.sum(), (rows * dark).sum() / dark.sum()


def halves(rgb, n_levels):
    """The picture and its halves, each the mean of 2 x 2."""
    levels = [rgb]
    for _ in range(n_levels - 1):
        last = levels[-1]
        height, width = (side // 2 * 2 for side in last.shape[:2])
        blocks = last[:height, :width].reshape(height // 2, 2, width // 2, 2, 3)
        levels.append(np.rint(blocks.mean(axis=(1, 3))).astype(np.uint8))
    return levels


def write_ome(path, levels, *, mpp=None, compression="zlib", **extra):
    """An OME-TIFF with SubIFDs, as QuPath and Bio-Formats write it."""
    metadata = {"axes": "YXS"}
    if mpp is not None:
        for axis in "XY":
            metadata |= {f"PhysicalSize{axis}": mpp, f"PhysicalSize{axis}Unit": "µm"}
    shared = {"photometric": "rgb", "tile": (128, 128), "compression": compression} | extra
    with tifffile.TiffWriter(path, ome=True) as out:
        out.write(levels[0], subifds=len(levels) - 1, metadata=metadata, **shared)
        for level in levels[1:]:
            out.write(level, subfiletype=1, **shared)


def write_as(kind, path, rgb, *, mpp=0.25):
    """The picture as a file of one kind; the path with its ending."""
    if kind == "png":
        path = path.with_suffix(".png")
        Image.fromarray(rgb).save(path)
    elif kind == "ome":
        path = path.with_suffix(".ome.tiff")
        write_ome(path, halves(rgb, 4), mpp=mpp)
    else:
        path = path.with_suffix(".tiff")
        write_pyramid(path, rgb, mpp=mpp, quality=98)
    return path


def haematoxylin_discs(discs, *, size_px=64, od=0.6, tissue_od=0.05):
    """Return haematoxylin density with a soft-edged disc for each x, y, radius in pixels."""
    rows, columns = np.mgrid[:size_px, :size_px]
    density = np.full((size_px, size_px), tissue_od)
    for x, y, radius in discs:
        cover = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)
        density = np.maximum(density, tissue_od + (od - tissue_od) * cover)
    return density
