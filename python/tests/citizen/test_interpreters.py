"""More than one interpreter in a process, and interpreters without a lock."""

import ctypes
import sys
import sysconfig

import pytest

from sandlock import _native

from .running import interpreters, run

INTERPRETERS = interpreters()
# Of moduleobject.h.
PY_MOD_GIL = 4
PY_MOD_GIL_NOT_USED = 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("version", INTERPRETERS)
def test_another_interpreter_is_refused_and_the_main_one_goes_on(version, when):
    run("interpreters.py", when, python=INTERPRETERS[version])


def test_the_module_says_that_it_relies_on_the_interpreter_lock():
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert sys._is_gil_enabled(), "importing it turns the lock on"
    assert PY_MOD_GIL_NOT_USED not in [
        value for slot, value in slots(_native) if slot == PY_MOD_GIL
    ]
    assert slots(_native), "the control: there are slots"


class Definition(ctypes.Structure):
    """PyModuleDef of the stable interface."""

    _fields_ = [
        ("base", ctypes.c_void_p * 5),
        ("name", ctypes.c_char_p),
        ("doc", ctypes.c_char_p),
        ("size", ctypes.c_ssize_t),
        ("methods", ctypes.c_void_p),
        ("slots", ctypes.c_void_p),
    ]


class Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("value", ctypes.c_void_p)]


def slots(module):
    """What a module declares, by number."""
    get = ctypes.pythonapi.PyModule_GetDef
    get.restype, get.argtypes = ctypes.POINTER(Definition), [ctypes.py_object]
    slot = ctypes.cast(get(module).contents.slots, ctypes.POINTER(Slot))
    found = []
    while slot[len(found)].slot != 0:
        found.append((slot[len(found)].slot, slot[len(found)].value))
    return found
