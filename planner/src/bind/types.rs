//! Type names as written to data types.
//!
//! Invariant: only types that values, columns and kernels know come out of here.

use arena_tr_parser::ast::TypeName;
use arena_tr_types::limits::DECIMAL_DIGITS;
use arena_tr_types::{DataType, Field, SqlState};

use crate::error::PlanError;

/// The data type of a type name.
pub(crate) fn data_type(name: &TypeName) -> Result<DataType, PlanError> {
    let base = scalar(name).map_err(|e| e.at(name.span))?;
    if name.array_dims > 1 {
        return Err(PlanError::not_built("an array of arrays").at(name.span));
    }
    Ok(match name.array_dims {
        0 => base,
        _ => DataType::List(Box::new(base)),
    })
}

/// What a cast to a type name makes, and to how many digits of a second it rounds.
pub(crate) fn cast_target(name: &TypeName) -> Result<(DataType, Option<i32>), PlanError> {
    let ([digits @ 0..=5], 0) = (name.args.as_slice(), name.array_dims) else {
        return Ok((data_type(name)?, None));
    };
    let plain = data_type(&TypeName { args: Vec::new(), ..name.clone() });
    match plain {
        Ok(ty) if is_time(&ty) => Ok((ty, Some(*digits as i32))),
        _ => Ok((data_type(name)?, None)),
    }
}

/// Whether the type has fractions of a second.
fn is_time(ty: &DataType) -> bool {
    matches!(ty, DataType::Time | DataType::Timestamp | DataType::TimestampTz | DataType::Interval)
}

fn scalar(name: &TypeName) -> Result<DataType, PlanError> {
    let plain = |ty: DataType| match name.args.first() {
        None => Ok(ty),
        Some(_) => {
            let message = format!("type modifier is not allowed for type \"{}\"", name.name);
            Err(PlanError::of(SqlState::SYNTAX_ERROR, message))
        }
    };
    match name.name.as_str() {
        "bool" | "boolean" => plain(DataType::Bool),
        "smallint" | "int2" => plain(DataType::Int2),
        "int" | "integer" | "int4" => plain(DataType::Int4),
        "bigint" | "int8" => plain(DataType::Int8),
        "real" | "float4" => plain(DataType::Float4),
        "double precision" | "double" | "float8" => plain(DataType::Float8),
        "float" => float(name),
        "numeric" | "decimal" | "dec" => numeric(name),
        "text" | "string" => plain(DataType::Text),
        "varchar" | "character varying" | "char varying" | "nvarchar" => {
            Ok(DataType::Varchar(length(name)?))
        }
        "char" | "character" | "bpchar" => Ok(match (name.name.as_str(), length(name)?) {
            ("bpchar", None) => DataType::Text,
            (_, n) => DataType::Char(n.unwrap_or(1)),
        }),
        "bytea" => plain(DataType::Bytea),
        "date" => plain(DataType::Date),
        "time" | "time without time zone" => with_precision(name, DataType::Time),
        "timestamp" | "timestamp without time zone" => with_precision(name, DataType::Timestamp),
        "timestamptz" | "timestamp with time zone" => with_precision(name, DataType::TimestampTz),
        "interval" => with_precision(name, DataType::Interval),
        "uuid" => plain(DataType::Uuid),
        "jsonb" | "json" => plain(DataType::Jsonb),
        "row" | "struct" => row(name),
        "timetz"
        | "time with time zone"
        | "map"
        | "xml"
        | "money"
        | "bit"
        | "bit varying"
        | "serial"
        | "bigserial"
        | "smallserial"
        | "oid"
        | "regclass"
        | "name"
        | "inet"
        | "cidr"
        | "macaddr"
        | "point"
        | "box"
        | "line"
        | "lseg"
        | "path"
        | "polygon"
        | "circle"
        | "int4range"
        | "int8range"
        | "numrange"
        | "tsrange"
        | "tstzrange"
        | "daterange" => Err(PlanError::not_built(format!("type {}", name.name))),
        other if other.starts_with("interval ") => {
            Err(PlanError::not_built(format!("type {other}")))
        }
        other => {
            let message = format!("type \"{other}\" does not exist");
            Err(PlanError::of(SqlState::UNDEFINED_OBJECT, message))
        }
    }
}

fn float(name: &TypeName) -> Result<DataType, PlanError> {
    match name.args.first() {
        None | Some(25..=53) => Ok(DataType::Float8),
        Some(1..=24) => Ok(DataType::Float4),
        Some(0) => Err(invalid("precision for type float must be at least 1 bit")),
        Some(_) => Err(invalid("precision for type float must be less than 54 bits")),
    }
}

fn numeric(name: &TypeName) -> Result<DataType, PlanError> {
    let Some(&precision) = name.args.first() else { return Ok(DataType::Numeric(None)) };
    let scale = name.args.get(1).copied().unwrap_or(0);
    if !(1..=1000).contains(&precision) {
        return Err(invalid(format!("NUMERIC precision {precision} must be between 1 and 1000")));
    }
    if precision > DECIMAL_DIGITS {
        return Err(PlanError::not_built(format!("NUMERIC of more than {DECIMAL_DIGITS} digits")));
    }
    if scale > precision {
        return Err(PlanError::not_built("a NUMERIC scale greater than its precision"));
    }
    Ok(DataType::Numeric(Some((precision as u8, scale as u8))))
}

fn length(name: &TypeName) -> Result<Option<u32>, PlanError> {
    match name.args.first() {
        Some(0) => Err(invalid(format!("length for type {} must be at least 1", name.name))),
        other => Ok(other.copied()),
    }
}

/// Times have microseconds; fewer digits would have to round every value that is stored. As in
/// PostgreSQL more than six digits are six.
fn with_precision(name: &TypeName, ty: DataType) -> Result<DataType, PlanError> {
    match name.args.first() {
        None | Some(6..) => Ok(ty),
        Some(n) => Err(PlanError::not_built(format!("a column of type {}({n})", name.name))
            .with_hint("A cast to the type rounds; a column keeps microseconds.")),
    }
}

fn row(name: &TypeName) -> Result<DataType, PlanError> {
    let field = |(ident, ty): &(arena_tr_parser::ast::Ident, TypeName)| {
        Ok(Field::new(ident.name.as_str(), data_type(ty)?, true))
    };
    let fields = name.fields.iter().map(field).collect::<Result<Vec<_>, PlanError>>()?;
    Ok(DataType::Struct(fields.into()))
}

fn invalid(message: impl Into<String>) -> PlanError {
    PlanError::of(SqlState::INVALID_PARAMETER, message)
}
