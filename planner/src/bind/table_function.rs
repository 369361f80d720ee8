//! Functions in FROM: generate_series, unnest, and what takes strings and JSON apart.
//!
//! Invariant: the item's columns are the input's, then the function's, then the ordinality.

use arena_tr_parser::ast::{FunctionCall, TableAlias};
use arena_tr_types::{DataType, Field, Func, SqlState};

use crate::error::PlanError;
use crate::logical::{Expr, ExprKind, Node, Plan};

use super::coerce::common_type;
use super::from::Item;
use super::function::list;
use super::scope::Scope;
use super::{Binder, Clause, build};

impl Binder<'_> {
    /// A table function over the rows of `input`, whose columns its arguments may name.
    pub(crate) fn bind_table_function(
        &mut self,
        input: Item,
        call: &FunctionCall,
        with_ordinality: bool,
        alias: Option<&TableAlias>,
        outer: bool,
    ) -> Result<Item, PlanError> {
        let name = self.function_name(&call.name)?;
        let place = self.place(call.span);
        let (plan, scope) = input;
        let (args, level) = self.with_level(scope.clone(), Clause::FromFunction, |binder| {
            call.args.iter().map(|(_, e)| binder.bind_expr(e)).collect::<Result<Vec<_>, _>>()
        })?;
        let width = plan.width();
        let mut stage = super::stage::Stage::new(plan);
        let args = stage.lower_all(&level, args)?;
        // Of jsonb_each: what the value of each key is looked up in.
        let mut document = None;
        let (function, element) = match name.as_str() {
            "generate_series" => self.series(args).map_err(|e| e.at(place))?,
            "unnest" => self.unnest(args).map_err(|e| e.at(place))?,
            "jsonb_array_elements" | "json_array_elements" => {
                self.json_parts(Func::JsonbArrayElements, &name, args)?
            }
            "jsonb_array_elements_text" | "json_array_elements_text" => {
                self.json_parts(Func::JsonbArrayElementsText, &name, args)?
            }
            "jsonb_object_keys" | "json_object_keys" => {
                self.json_parts(Func::JsonbObjectKeys, &name, args)?
            }
            "jsonb_each" | "json_each" | "jsonb_each_text" | "json_each_text" => {
                let (keys, key) = self.json_parts(Func::JsonbObjectKeys, &name, args)?;
                if let ExprKind::Call { args, .. } = &keys.kind {
                    document = args.first().cloned();
                }
                (keys, key)
            }
            "regexp_split_to_table" => {
                let array = self.call_by_name("regexp_split_to_array", args, call.span)?;
                self.unnest(vec![array])?
            }
            "string_to_table" => {
                let array = self.call_by_name("string_to_array", args, call.span)?;
                self.unnest(vec![array])?
            }
            _ => {
                let known = arena_tr_types::function::signatures_by_name(&name).next().is_some();
                let what = format!("function {name} in FROM");
                let error = match known {
                    true => PlanError::not_built(what),
                    false => self.no_table_function(&name, &args),
                };
                return Err(error.at(place));
            }
        };
        let function = Expr { span: place, ..function };
        let plan = stage.plan;
        let hidden = plan.width() - width;
        let mut fields = plan.schema.fields.to_vec();
        let label = column_label(&name, alias);
        fields.push(Field::new(label, element, true));
        if with_ordinality {
            fields.push(Field::new("ordinality", DataType::Int8, outer));
        }
        let schema = arena_tr_types::Schema::new(fields);
        let node = Node::Unnest { input: Box::new(plan), call: function, with_ordinality, outer };
        let plan = Plan { node, schema, span: place };
        let key = width + hidden;
        let mut columns: Vec<usize> = (0..width).chain([key]).collect();
        let plan = match document {
            Some(document) => {
                columns.push(plan.width());
                with_value(plan, document, key, name.ends_with("_text"))
            }
            None => plan,
        };
        columns.extend(with_ordinality.then_some(key + 1));
        self.name_function_columns(build::keep(plan, &columns), scope, width, &name, alias)
    }

    /// The names of a table function's columns: a single column is named as the item.
    fn name_function_columns(
        &mut self,
        plan: Plan,
        scope: Scope,
        width: usize,
        name: &str,
        alias: Option<&TableAlias>,
    ) -> Result<Item, PlanError> {
        let mut names: Vec<std::sync::Arc<str>> =
            plan.schema.fields.iter().map(|f| f.name.clone()).collect();
        if let Some(alias) = alias {
            let available = plan.width() - width;
            if alias.columns.len() > available {
                let message = format!(
                    "table \"{}\" has {available} columns available but {} columns specified",
                    alias.name.name,
                    alias.columns.len()
                );
                let error = PlanError::of(SqlState::INVALID_COLUMN_REFERENCE, message);
                return Err(error.at(self.place(alias.name.span)));
            }
            for (name, ident) in names[width..].iter_mut().zip(&alias.columns) {
                *name = ident.name.as_str().into();
            }
        }
        let plan = build::rename(plan, &names);
        let fields = plan.schema.fields[width..].to_vec();
        let alias = alias.map_or(name, |a| &a.name.name);
        let own = Scope::of_table(alias, &arena_tr_types::Schema::new(fields));
        Ok((plan, scope.join(own, width)))
    }

    /// The call of generate_series with arguments of one type, and its element's type.
    fn series(&mut self, args: Vec<Expr>) -> Result<(Expr, DataType), PlanError> {
        let types: Vec<DataType> = args.iter().map(|e| e.ty.clone()).collect();
        if !(2..=3).contains(&args.len()) {
            return Err(self.no_table_function("generate_series", &args));
        }
        let mut ty = common_type(types[..2].iter()).unwrap_or(DataType::Unknown);
        if ty == DataType::Date {
            ty = DataType::TimestampTz;
        }
        let time = matches!(ty, DataType::Timestamp | DataType::TimestampTz);
        let step = match (&ty, types.get(2)) {
            (DataType::Timestamp | DataType::TimestampTz, Some(_)) => Some(DataType::Interval),
            (t, step) if t.is_integer() || matches!(t, DataType::Numeric(_)) => {
                if let Some(step) = step {
                    ty = common_type([&ty, step]).unwrap_or(DataType::Unknown);
                }
                if ty == DataType::Int2 {
                    ty = DataType::Int4;
                }
                step.map(|_| ty.clone())
            }
            _ => return Err(self.no_table_function("generate_series", &args)),
        };
        if !time && !ty.is_integer() && !matches!(ty, DataType::Numeric(_)) {
            return Err(self.no_table_function("generate_series", &args));
        }
        let mut typed = Vec::with_capacity(3);
        for (i, arg) in args.into_iter().enumerate() {
            let to = if i == 2 { step.as_ref().unwrap_or(&ty) } else { &ty };
            typed.push(self.implicit(arg, to)?);
        }
        let kind = ExprKind::Call { func: Func::GenerateSeries, args: typed };
        Ok((
            Expr { kind, ty: DataType::List(Box::new(ty.clone())), nullable: true, span: None },
            ty,
        ))
    }

    /// The call that gives the parts of a JSON document as an array, and their type.
    fn json_parts(
        &mut self,
        func: Func,
        name: &str,
        mut args: Vec<Expr>,
    ) -> Result<(Expr, DataType), PlanError> {
        let fits = |ty: &DataType| matches!(ty, DataType::Jsonb | DataType::Unknown);
        if args.len() != 1 || !fits(&args[0].ty) {
            return Err(self.no_table_function(name, &args));
        }
        let doc = self.implicit(args.remove(0), &DataType::Jsonb)?;
        let element = match func {
            Func::JsonbArrayElements => DataType::Jsonb,
            _ => DataType::Text,
        };
        let kind = ExprKind::Call { func, args: vec![doc] };
        let ty = DataType::List(Box::new(element.clone()));
        Ok((Expr { kind, ty, nullable: true, span: None }, element))
    }

    /// The array whose elements become rows, and their type.
    fn unnest(&mut self, mut args: Vec<Expr>) -> Result<(Expr, DataType), PlanError> {
        if args.len() > 1 {
            return Err(PlanError::not_built("unnest of several arrays"));
        }
        match args.pop() {
            Some(array) => match array.ty.clone() {
                DataType::List(element) => Ok((array, *element)),
                DataType::Unknown => {
                    let message = "function unnest(unknown) is not unique";
                    Err(PlanError::of(SqlState::AMBIGUOUS_FUNCTION, message))
                }
                _ => Err(self.no_table_function("unnest", &[array])),
            },
            None => Err(self.no_table_function("unnest", &[])),
        }
    }

    fn no_table_function(&self, name: &str, args: &[Expr]) -> PlanError {
        let types: Vec<DataType> = args.iter().map(|e| e.ty.clone()).collect();
        let message = format!("function {name}({}) does not exist", list(&types));
        PlanError::of(SqlState::UNDEFINED_FUNCTION, message).with_hint(
            "No function matches the given name and argument types. You might need to add \
             explicit type casts.",
        )
    }
}

/// What the column of a table function is called.
fn column_label<'n>(name: &'n str, alias: Option<&'n TableAlias>) -> &'n str {
    if name.contains("_each") {
        "key"
    } else if name.contains("_array_elements") {
        "value"
    } else {
        alias.map_or(name, |a| &a.name.name)
    }
}

/// Appends what a document has under the key in a column.
fn with_value(plan: Plan, document: Expr, key: usize, text: bool) -> Plan {
    let (func, ty) = match text {
        true => (Func::JsonGetText, DataType::Text),
        false => (Func::JsonGet, DataType::Jsonb),
    };
    let kind = ExprKind::Call { func, args: vec![document, plan.column(key)] };
    let value = Expr { kind, ty, nullable: true, span: plan.span };
    build::append(plan, vec![value], "value")
}
