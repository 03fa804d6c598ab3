//! Python objects as what settings are made of.

use std::ffi::OsString;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyInt, PyIterator, PyList, PyMapping, PyString,
};
use sandlock::Data;

use crate::argument::os_string;

/// The settings that keywords say; those that are `None` say nothing.
pub(crate) fn keywords(settings: Option<&Bound<'_, PyDict>>) -> PyResult<Vec<(String, Data)>> {
    let said = settings.into_iter().flatten().filter(|(_, value)| !value.is_none());
    said.map(|(name, value)| Ok((name.extract()?, data(&value)?))).collect()
}

/// How deep what a setting takes may lie in lists and tables; a list can contain itself.
const DEEPEST: usize = 8;

/// What `object` says as the value of a setting. Whether it is one, the reader of settings says.
pub(crate) fn data(object: &Bound<'_, PyAny>) -> PyResult<Data> {
    nested(object, DEEPEST)
}

/// The same for what lies at most `levels` deep.
fn nested(object: &Bound<'_, PyAny>, levels: usize) -> PyResult<Data> {
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Data::Bool(value.is_true()));
    }
    if let Ok(value) = object.cast::<PyFloat>() {
        return Ok(Data::Float(value.value()));
    }
    if object.cast::<PyInt>().is_ok() || object.hasattr("__index__")? {
        return match object.extract() {
            Ok(value) => Ok(Data::Integer(value)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                Ok(Data::Other("a number beyond 64 bits".to_owned()))
            }
            Err(error) => Err(error),
        };
    }
    if is_text(object)? {
        return text(object);
    }
    if object.hasattr("total_seconds")? {
        return object.call_method0("total_seconds")?.extract().map(Data::Float);
    }
    if let Ok(mapping) = object.cast::<PyMapping>() {
        return table(mapping, levels);
    }
    match object.try_iter() {
        Ok(elements) => list(elements, levels),
        Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => {
            Ok(Data::Other(format!("an object of type {}", object.get_type().name()?)))
        }
        Err(error) => Err(error),
    }
}

fn is_text(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_text = object.is_instance_of::<PyString>() || object.is_instance_of::<PyBytes>();
    Ok(is_text || object.hasattr("__fspath__")?)
}

fn text(object: &Bound<'_, PyAny>) -> PyResult<Data> {
    match os_string(object) {
        Ok(text) => Ok(Data::Text(text)),
        Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(object.py()) => {
            Ok(Data::Other("a text with surrogates that stand for no byte".to_owned()))
        }
        Err(error) => Err(error),
    }
}

fn list(elements: Bound<'_, PyIterator>, levels: usize) -> PyResult<Data> {
    let Some(below) = levels.checked_sub(1) else { return Ok(too_deep()) };
    elements.map(|element| nested(&element?, below)).collect::<PyResult<_>>().map(Data::List)
}

fn table(mapping: &Bound<'_, PyMapping>, levels: usize) -> PyResult<Data> {
    let Some(below) = levels.checked_sub(1) else { return Ok(too_deep()) };
    let mut entries: Vec<(OsString, Data)> = Vec::new();
    for item in mapping.items()? {
        let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        match nested(&key, 0)? {
            Data::Text(key) => entries.push((key, nested(&value, below)?)),
            _ => return Ok(Data::Other(format!("a table with {} as a key", key.repr()?))),
        }
    }
    Ok(Data::Table(entries))
}

fn too_deep() -> Data {
    Data::Other("what lies too deep in lists and tables".to_owned())
}

/// The same as Python objects: texts as `str`, in which any bytes survive.
pub(crate) fn object<'py>(py: Python<'py>, data: &Data) -> PyResult<Bound<'py, PyAny>> {
    Ok(match data {
        Data::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Data::Integer(value) => value.into_pyobject(py)?.into_any(),
        Data::Float(value) => PyFloat::new(py, *value).into_any(),
        Data::Text(text) => text.into_pyobject(py)?.into_any(),
        Data::List(elements) => {
            let elements = elements.iter().map(|element| object(py, element));
            PyList::new(py, elements.collect::<PyResult<Vec<_>>>()?)?.into_any()
        }
        Data::Table(entries) => {
            let table = PyDict::new(py);
            for (key, value) in entries {
                table.set_item(key, object(py, value)?)?;
            }
            table.into_any()
        }
        Data::Other(text) => PyString::new(py, text).into_any(),
    })
}
