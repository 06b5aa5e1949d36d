"""Colours for the eye: the ICC profile of a slide applied, in one of six ways, and encoding.

Only what is shown passes here. Measuring, training and explaining take pixels as stored, see
docs/decisions/0002-white-point-and-icc.md and 0024-tiles.md.
"""

import io

from PIL import Image, ImageCms

from rimlight.core.display import WAYS, Way
from rimlight.io.rasters import Rgb

_INTENTS: dict[Way, ImageCms.Intent] = {
    "srgb": ImageCms.Intent.RELATIVE_COLORIMETRIC,
    "absolute": ImageCms.Intent.ABSOLUTE_COLORIMETRIC,
    "perceptual": ImageCms.Intent.PERCEPTUAL,
    "saturation": ImageCms.Intent.SATURATION,
}
_QUALITY = 85
_MOST_PROFILE_BYTES = 8 * 2**20


class Colours:
    """How the pixels of one slide become colours on a screen.

    ways: those that differ for this slide; ``srgb`` alone where it has no profile.
    fault: why its profile cannot be used, one sentence; None where it can, or has none.
    """

    def __init__(self, profile: bytes | None) -> None:
        self._profile = profile
        self._source: ImageCms.ImageCmsProfile | None = None
        self._transforms: dict[Way, ImageCms.ImageCmsTransform] = {}
        self.fault: str | None = None
        if profile is not None:
            self._open(profile)

    @property
    def ways(self) -> tuple[Way, ...]:
        return WAYS if self._source is not None else ("srgb",)

    def jpeg(self, rgb: Rgb, way: Way) -> bytes:
        """Return a picture as JPEG, its colours shown in a way."""
        return self._encoded(rgb, way, format="JPEG", quality=_QUALITY)

    def png(self, rgb: Rgb, way: Way) -> bytes:
        """Return a picture as PNG, its colours shown in a way."""
        return self._encoded(rgb, way, format="PNG", compress_level=1)

    def _open(self, profile: bytes) -> None:
        try:
            if len(profile) > _MOST_PROFILE_BYTES:
                raise ValueError("it is too large")
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() != "RGB":
                raise ValueError("it is not for red, green, blue")
            self._source = source
            self._transform("srgb")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            self._source = None
            self.fault = f"its colour profile cannot be used ({error}); colours are shown as stored"

    def _transform(self, way: Way) -> ImageCms.ImageCmsTransform:
        assert self._source is not None
        if way not in self._transforms:
            self._transforms[way] = ImageCms.buildTransform(
                self._source, ImageCms.createProfile("sRGB"), "RGB", "RGB", _INTENTS[way]
            )
        return self._transforms[way]

    def _encoded(self, rgb: Rgb, way: Way, **options: str | int) -> bytes:
        image = Image.fromarray(rgb)
        if self._source is not None and way in _INTENTS:
            ImageCms.applyTransform(image, self._transform(way), inPlace=True)
        written = io.BytesIO()
        if self._source is not None and way == "embed":
            image.save(written, icc_profile=self._profile, **options)  # type: ignore[arg-type]
        else:
            image.save(written, **options)  # type: ignore[arg-type]
        return written.getvalue()
