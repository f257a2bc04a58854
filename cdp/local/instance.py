"""What a locally run instance knows about itself: written by `manage.py up`, read by every command."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Instance:
    secret_key: str = ""
    database_url: str = "postgres://postgres@127.0.0.1:5432/cdp"
    broker_url: str = "redis://127.0.0.1:6379/0"


def read_instance(data_dir: Path) -> Instance:
    return Instance()
