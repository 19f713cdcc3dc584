"""`s2f gallery`: who may enter a page that is self-hosted, and tidying up."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from ..errors import GalleryError


def add_commands(commands: argparse._SubParsersAction[Any]) -> None:
    gallery = commands.add_parser("gallery", help="accounts and upkeep of a self-hosted gallery")
    parts = gallery.add_subparsers(dest="part", metavar="PART", required=True)
    user = parts.add_parser("user", help="who may enter").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    add = user.add_parser("add", help="a new account; asks for its password twice")
    add.add_argument("name", metavar="NAME", help="a-z, 0-9, '.', '_' and '-'")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    add.set_defaults(run=run_add)
    user.add_parser("list", help="all names").set_defaults(run=run_list)
    remove = user.add_parser("remove", help="an account and all that it saved, for good")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--keep-faces", action="store_true", help="leave what it saved where it is")
    remove.set_defaults(run=run_remove)
    sweep = parts.add_parser("sweep", help="remove pictures that a crash left behind")
    sweep.set_defaults(run=run_sweep)


def run_add(args: argparse.Namespace) -> int:
    from ..gallery import Accounts

    accounts = Accounts()
    accounts.add(args.name, _password(args.password_stdin))
    sys.stdout.write(f"{args.name} may enter\n")
    return 0


def run_list(args: argparse.Namespace) -> int:
    from ..gallery import Accounts

    sys.stdout.write("".join(f"{name}\n" for name in Accounts().list()))
    return 0


def run_remove(args: argparse.Namespace) -> int:
    from ..gallery import Accounts, Gallery

    Accounts().remove(args.name)
    if not args.keep_faces:
        Gallery().forget(Accounts.owner(args.name))
    sys.stdout.write(f"{args.name} is removed\n")
    return 0


def run_sweep(args: argparse.Namespace) -> int:
    from ..gallery import Gallery

    sys.stdout.write(f"{Gallery().sweep()} removed\n")
    return 0


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise GalleryError("got no terminal to ask at, expected one; give --password-stdin")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise GalleryError("got two passwords that differ, expected the same twice; try again")
    return first
