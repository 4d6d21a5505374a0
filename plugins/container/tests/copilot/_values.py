"""Literals and types in few words."""

from __future__ import annotations

from flyteidl2.core import interface_pb2
from flyteidl2.core import literals_pb2 as lit
from flyteidl2.core import types_pb2 as types


def scalar(**fields):
    return lit.Literal(scalar=lit.Scalar(**fields))


def primitive(**fields):
    return scalar(primitive=lit.Primitive(**fields))


def blob(uri, *, multipart=False, format=""):
    kind = types.BlobType(format=format, dimensionality=int(multipart))
    return scalar(blob=lit.Blob(uri=uri, metadata=lit.BlobMetadata(type=kind)))


def collection(*items):
    return lit.Literal(collection=lit.LiteralCollection(literals=items))


def mapping(entries=None, **more):
    return lit.Literal(map=lit.LiteralMap(literals={**(entries or {}), **more}))


def simple(kind):
    return types.LiteralType(simple=kind)


def declared(entries=None, **more):
    return interface_pb2.VariableMap(
        variables=[
            interface_pb2.VariableEntry(key=key, value=interface_pb2.Variable(type=kind))
            for key, kind in {**(entries or {}), **more}.items()
        ]
    )
