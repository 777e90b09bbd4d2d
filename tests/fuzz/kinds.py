"""All kinds of files that are read."""

from fuzz.kind_base import Kind
from fuzz.kinds_of_arrays import Checkpoint, Pickle, Stored, StoredArray, StoredProbabilities, Weights
from fuzz.kinds_of_graphs import OnnxGraph
from fuzz.kinds_of_pictures import ColorMask, IndexMask, JpegImage, OtherImage, PngImage
from fuzz.kinds_of_results import PictureFile, PictureIndexFile, PieceFile, RecordArrays, RecordFile
from fuzz.kinds_of_texts import Configuration, Detectron2Configuration, LabelSpaceFile, LabelTable, SpecFile

KINDS: tuple[type[Kind], ...] = (
    PngImage,
    JpegImage,
    OtherImage,
    IndexMask,
    ColorMask,
    Stored,
    StoredArray,
    StoredProbabilities,
    Weights,
    Checkpoint,
    Pickle,
    OnnxGraph,
    Configuration,
    Detectron2Configuration,
    SpecFile,
    LabelSpaceFile,
    LabelTable,
    PieceFile,
    RecordFile,
    RecordArrays,
    PictureFile,
    PictureIndexFile,
)
