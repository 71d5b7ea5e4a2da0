"""Files that the bot sends, uploaded or referenced by a `file_id`."""

from __future__ import annotations

from sandbox.api.parameters import Parameters
from sandbox.state import pictures
from sandbox.state.files import Files
from sandbox.state.types import Json, Upload, bad_request

PHOTO_LIMIT = 10 * 2**20
ALBUM_KINDS = frozenset({"photo", "document"})


async def attach(files: Files, given: Parameters, kind: str) -> Json:
    """Return the media part of a message for the file of a send method; 400 without one."""
    upload = given.uploads.get(kind) or given.upload(given.values.get(kind))
    if upload is not None:
        return await store_upload(files, upload, kind, look=not given.flag("disable_content_type_detection"))
    if not given.text(kind):
        raise bad_request(f"there is no {kind} in the request")
    return find_sent_file(files, given.text(kind), kind)


async def album_part(files: Files, given: Parameters, wanted: object) -> Json:
    """Return the media part for one item of an album."""
    if not isinstance(wanted, dict):
        raise bad_request("can't parse InputMedia: expected an Object")
    kind = wanted.get("type")
    if kind not in ALBUM_KINDS:
        raise bad_request(f"can't parse InputMedia: type \"{kind}\" can't be used in sendMediaGroup")
    upload = given.upload(wanted.get("media"))
    if upload is not None:
        return await store_upload(files, upload, kind, look=False)
    if not wanted.get("media"):
        raise bad_request("can't parse InputMedia: media not found")
    return find_sent_file(files, str(wanted["media"]), kind)


async def store_upload(files: Files, upload: Upload, kind: str, *, look: bool) -> Json:
    """Store an uploaded file and return its media part. `look`: turn a document that is a GIF into an animation."""
    if not upload.data:
        raise bad_request("file must be non-empty")
    if kind == "photo" and len(upload.data) > PHOTO_LIMIT:
        raise bad_request(f"file of size {len(upload.data)} bytes is too big for a photo")
    try:
        if kind == "photo":
            return await files.photo(upload.data)
        if kind == "animation" or (look and pictures.kind_of(upload.data) == "GIF"):
            return await files.animation(upload.data, upload.name)
    except ValueError:
        if kind == "photo":
            raise bad_request("IMAGE_PROCESS_FAILED") from None
    return await files.document(upload.data, upload.name, upload.mime)


def find_sent_file(files: Files, file_id: str, kind: str) -> Json:
    """Return the media part for a `file_id`; 400 for an unknown one and for one of another kind."""
    if file_id.startswith(("http://", "https://")):
        raise bad_request("wrong HTTP URL specified: the sandbox reaches nothing outside")
    part = files.part_of(file_id)
    if part is None:
        raise bad_request("wrong remote file identifier specified: can't unserialize it. Wrong last symbol")
    if kind not in part:
        raise bad_request(f"can't use file of type {next(iter(part)).title()} as {kind.title()}")
    return part
