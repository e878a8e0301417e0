//! Turns the schemes in `schemes/` and the handshakes in `handshakes/` into constants, so that no reader of TOML is needed at run time.

#![expect(
    clippy::disallowed_methods,
    reason = "a build reads and writes files; the crate does not"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

use toml::{Table, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let mut code = String::new();
    write_folder(&mut code, "schemes", "PRESETS")?;
    write_folder(&mut code, "handshakes", "HANDSHAKES")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("presets.rs"), code)?;
    Ok(())
}

/// The files of a folder as one constant.
fn write_folder(code: &mut String, folder: &str, constant: &str) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={folder}");
    let mut files: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort_by_key(|path| path.file_stem().map(ToOwned::to_owned));

    writeln!(
        code,
        "/// The files of `{folder}`, in the order of their names."
    )?;
    writeln!(code, "pub(crate) static {constant}: &[(&str, Value)] = &[")?;
    for path in files {
        let text = fs::read_to_string(&path)?;
        let table: Table = text
            .parse()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if table.get("name").and_then(Value::as_str) != Some(&name) {
            return Err(format!("{}: its `name` is not `{name}`", path.display()).into());
        }
        write!(code, "({name:?}, ")?;
        write_value(code, &Value::Table(table))?;
        code.push_str("),\n");
    }
    code.push_str("];\n");
    Ok(())
}

fn write_value(code: &mut String, value: &Value) -> Result<(), Box<dyn Error>> {
    match value {
        Value::Array(values) => {
            code.push_str("Value::List(&[");
            for value in values {
                write_value(code, value)?;
                code.push_str(", ");
            }
            code.push_str("])");
        }
        Value::Boolean(value) => write!(code, "Value::Bool({value})")?,
        Value::Integer(value) => write!(code, "Value::Integer({value})")?,
        Value::String(text) => write!(code, "Value::Text({text:?})")?,
        Value::Table(table) => {
            code.push_str("Value::Table(&[");
            for (name, value) in table {
                write!(code, "({name:?}, ")?;
                write_value(code, value)?;
                code.push_str("), ");
            }
            code.push_str("])");
        }
        Value::Datetime(_) | Value::Float(_) => {
            return Err("a scheme has no dates and no fractions".into());
        }
    }
    Ok(())
}
