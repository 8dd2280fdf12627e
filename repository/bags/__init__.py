"""A bag holds one version of one article, and can say of every byte whether it is still the one put there."""

from repository.bags.codes import CODES, Deviation, finding
from repository.bags.contents import Wanted
from repository.bags.paths import payload_name_fault, shown, unsafe_path
from repository.bags.seal import payload_digest, seal_of
from repository.bags.tar_blocks import TarDamage
from repository.bags.tar_contents import read_offsets
from repository.bags.verifier import BagReport, verify_folder, verify_path, verify_stream
from repository.bags.witnesses import payload_manifests, witnessed_tag_files
from repository.bags.writer import Bag, PayloadSource, StagingChanged, write_bag

__all__ = [
    "CODES",
    "Bag",
    "BagReport",
    "Deviation",
    "PayloadSource",
    "StagingChanged",
    "TarDamage",
    "Wanted",
    "finding",
    "payload_digest",
    "payload_manifests",
    "payload_name_fault",
    "read_offsets",
    "seal_of",
    "shown",
    "unsafe_path",
    "verify_folder",
    "verify_path",
    "verify_stream",
    "witnessed_tag_files",
    "write_bag",
]
