"""A small DICOM slide for tests: one tile of light, placed and turned on the glass."""

from pathlib import Path

import numpy as np

from rimlight.io.inspection import fingerprint
from rimlight.records import SlideInfo
from small_studies import slide_info


def dicom_slide(
    path: Path,
    *,
    n_columns: int = 64,
    n_rows: int = 48,
    like: str | None = None,
    spacing_mm: float = 0.0005,
) -> Path:
    """Write a slide image; ``like`` another file: of the same series."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    known = pydicom.dcmread(like) if like else None
    data = Dataset()
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
    data.SOPInstanceUID = generate_uid(entropy_srcs=[path.name, str(n_columns)])
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        own = generate_uid(entropy_srcs=[name, path.name])
        setattr(data, name, known.get(name) if known else own)
    data.Modality = "SM"
    kind = "NONE" if spacing_mm < 0.001 else "RESAMPLED"
    data.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", kind]
    for name in ("PatientID", "AccessionNumber", "StudyID", "ContainerIdentifier"):
        setattr(data, name, "test")
    for name in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"):
        setattr(data, name, "")
    data.PatientName = "Test^Case"
    data.ReferringPhysicianName, data.PositionReferenceIndicator = "", "SLIDE_CORNER"
    data.Manufacturer = data.ManufacturerModelName = data.DeviceSerialNumber = "test"
    data.SoftwareVersions, data.SeriesNumber, data.InstanceNumber = "1", 1, 1
    data.Rows, data.Columns, data.NumberOfFrames = n_rows, n_columns, 1
    data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns = n_rows, n_columns
    data.TotalPixelMatrixFocalPlanes, data.NumberOfOpticalPaths = 1, 1
    data.DimensionOrganizationType = "TILED_FULL"
    data.ImagedVolumeWidth = spacing_mm * n_columns
    data.ImagedVolumeHeight = spacing_mm * n_rows
    data.ImagedVolumeDepth = 0.001
    data.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = "20", "40"
    origin.ZOffsetInSlideCoordinateSystem = "0"
    data.TotalPixelMatrixOriginSequence = [origin]
    spacing, shared = Dataset(), Dataset()
    spacing.PixelSpacing, spacing.SliceThickness = [spacing_mm, spacing_mm], 0.001
    shared.PixelMeasuresSequence = [spacing]
    data.SharedFunctionalGroupsSequence = [shared]
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    light = np.random.default_rng(1).integers(120, 250, (n_rows, n_columns, 3), dtype=np.uint8)
    data.PixelData = light.tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def slide_of(path: Path) -> SlideInfo:
    """Return the record of such a slide, its path whole."""
    return slide_info(
        "d1",
        path=str(path),
        format="openslide/dicom",
        fingerprint=fingerprint(path),
        mpp=0.5,
        width_l0=64,
        height_l0=48,
    )
