"""A signed-in person's saved faces: rows in SQL, pictures in a folder or an object store.

Gallery()   save, list, open, zip, delete, forget: always of one owner
Accounts()  names and hashed passwords, for those who host it themselves
"""

from ..errors import GalleryError

try:
    from .accounts import Accounts
    from .shelf import Entry, Gallery, Saved
except ModuleNotFoundError as error:
    if error.name not in ("sqlalchemy", "fsspec"):
        raise
    raise GalleryError(
        f"got no {error.name} here, expected it for the gallery; pip install 's2f[gallery]'"
    ) from None

__all__ = ["Accounts", "Entry", "Gallery", "Saved"]
