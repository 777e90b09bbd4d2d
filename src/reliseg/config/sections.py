"""What the sections of a configuration have in common: keys that are known, scalars read as meant, names and paths."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

from reliseg.config.scalars import read_as
from reliseg.errors import ConfigError, suggestion
from reliseg.remote import Address, is_address
from reliseg.runtime.file_names import NAME_BYTES, PATH_BYTES, name_bytes, plain_name_problem
from reliseg.runtime.text_files import quoted


class Section(BaseModel):
    """A section of a configuration. It takes no other keys than its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
    written_if_used: ClassVar[tuple[str, ...]] = ()
    """Keys that are written out only where they say something: configurations without them stay what they were."""

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = handler(self)
        names = {key: field.alias or key for key, field in type(self).model_fields.items()}
        return {names[key]: value for key, value in content.items() if value or key not in self.written_if_used}

    @model_validator(mode="before")
    @classmethod
    def _read_scalars(cls, content: Any) -> Any:
        """Return the content with each scalar as the annotation of its place reads it."""
        if not isinstance(content, Mapping):
            return content
        read = {}
        known = {field.alias or key: field for key, field in cls.model_fields.items()}
        for key, value in content.items():
            field = known.get(key)
            try:
                read[key] = value if field is None else read_as(value, field.annotation)
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from error
        return read


def plain_name(value: str) -> str:
    """Return the name, if it can be a folder on any system; else raise a ValueError."""
    if problem := plain_name_problem(value):
        raise ValueError(f"{quoted(value)} {problem}")
    return value


def path(value: str | None) -> str | None:
    """Return a text that may be a path; a ValueError where no file can have it."""
    if value is None:
        return None
    for part in value.split("/"):
        if name_bytes(part) > NAME_BYTES:
            raise ValueError(f"{quoted(part)} has {name_bytes(part)} bytes, and the limit is {NAME_BYTES}; correct it")
    if name_bytes(value) > PATH_BYTES:
        raise ValueError(f"a path of {name_bytes(value)} bytes, and the limit is {PATH_BYTES}; shorten it")
    try:
        Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"no home folder is known for {quoted(value)}; write the whole path") from error
    return value


def address(value: str | None) -> str | None:
    """Return a text that may be an address; a ValueError where it begins like one, and is none."""
    if value is not None and is_address(value):
        try:
            Address.of(value)
        except ConfigError as error:
            raise ValueError(str(error)) from error
    return value


def known_name(value: str, names: list[str], kind: str) -> str:
    """Return a name as it is registered; a ValueError names the nearest one where there is none."""
    canonical = value.replace("-", "_")
    if canonical not in names:
        raise ValueError(f"unknown {kind} {quoted(value)}; {suggestion(canonical, names)}")
    return canonical


def name_or_path(text: str, folder: Path) -> str:
    """Return the path of a .toml file as an absolute one; else a name that ships, though a folder may be called so."""
    return absolute_path(text, folder) if text.endswith(".toml") else text


def absolute_folder(text: str, folder: Path) -> str:
    """Return an address as it is, and a path as an absolute one."""
    return text if is_address(text) else str((folder / Path(text).expanduser()).resolve())


def absolute_path(text: str, folder: Path, has_function: bool = False) -> str:
    """Return a path that exists as an absolute one; anything else (a name, a hub id, a module) as it is."""
    name, separator, function = text.rpartition(":") if has_function and ":" in text else (text, "", "")
    path = folder / Path(name).expanduser()
    return f"{path.resolve()}{separator}{function}" if path.exists() else text
