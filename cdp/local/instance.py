"""What a locally run instance knows about itself: written by `manage.py up`, read by every command."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

FILE = "instance.json"


@dataclass(frozen=True, slots=True)
class Instance:
    """Keys, addresses and ports of one data directory. Ports are 0 until first chosen."""

    secret_key: str = ""
    mark: str = ""  # names the processes of this instance: see processes.MARK
    database_url: str = "postgres://postgres@127.0.0.1:5432/cdp"
    broker_url: str = "redis://127.0.0.1:6379/0"
    public_url: str = "http://127.0.0.1:8000"  # where the last `up` served
    postgres_port: int = 0
    postgres_password: str = ""
    postgres_programs: str = ""
    broker_port: int = 0
    broker_password: str = ""
    broker_program: str = ""


def read_instance(data_dir: Path) -> Instance:
    """The instance of `data_dir`, or the defaults when none was ever started there. Reads one file.

    Raises:
        ValueError: the file is not what `write_instance` writes.
    """
    path = data_dir / FILE
    try:
        text = path.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return Instance()
    try:
        values: dict[str, Any] = json.loads(text)
        known = {field.name for field in fields(Instance)}
        return Instance(**{name: value for name, value in values.items() if name in known})
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def write_instance(data_dir: Path, instance: Instance) -> None:
    """Replace the file at once, readable by its owner only."""
    temporary = data_dir / f"{FILE}.new"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(instance), file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(data_dir / FILE)


def with_secrets(instance: Instance) -> Instance:
    """The instance with every missing secret chosen."""
    return replace(
        instance,
        secret_key=instance.secret_key or secrets.token_urlsafe(50),
        mark=instance.mark or secrets.token_hex(12),
        postgres_password=instance.postgres_password or secrets.token_urlsafe(24),
        broker_password=instance.broker_password or secrets.token_urlsafe(24),
    )
