"""File reading with limits: a regular file of bounded size is read whole; no endless pipe, no sparse file of many gigabytes."""

from __future__ import annotations

import errno
import os
import stat

from pairkit.language import _


def read_whole(path: str | os.PathLike[str], most: int, *, links: bool = True) -> bytes:
    """The bytes of a plain file of at most `most` bytes, from one opening.

    Parameters
    ----------
    path : path
        The file.
    most : int
        A larger one is refused before anything of it is read.
    links : bool
        Whether the path may be a symbolic link, or the file have a second name.

    Raises
    ------
    OSError
        It cannot be opened, is no plain file, is too large, or is a link where none may be. `strerror` has the reason in words.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, flags if links else flags | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, _("it is no plain file"))
        if not links and status.st_nlink > 1:
            raise OSError(errno.EMLINK, _("it has a second name, by which it could be changed"))
        if status.st_size > most:
            raise OSError(
                errno.EFBIG,
                _(
                    "it has {st_size:,} bytes, and at most {most:,} are read",
                    st_size=status.st_size,
                    most=most,
                ),
            )
        return file.read(most + 1)
