//! From a verified program to code: opcode to function pointer, function to kernel, constant to
//! column.
//!
//! Invariant: an opcode is looked at by name here and nowhere else while a program runs.

use arena_tr_storage::{Column, ColumnBuilder};
use arena_tr_types::limits::BATCH_ROWS;
use arena_tr_types::{DataType, SqlError, SqlState};

use super::{Step, StepFn, expand, pure, select, send, state};
use crate::bytecode::table::{Kind, OpInfo, Opcode};
use crate::bytecode::{ConstId, Constant, Driver, FuncId, Inst, Program, Sel, StateSpec, Val};
use crate::kernel::{Filter, Kernel};
use crate::resolve::{filter_of_op, kernel_of, kernel_of_op};

/// A program that is ready to run. Shared by all tasks of the program.
pub(crate) struct Code {
    /// The pipelines' instructions.
    pub(crate) pipelines: Vec<Line>,
    /// Each constant as a column of one row.
    pub(crate) constants: Vec<Column>,
    /// Each constant as a column of a whole batch.
    pub(crate) constant_columns: Vec<Column>,
    /// The constants' types and values.
    pub(crate) constant_values: Vec<Constant>,
    /// How many instructions there are.
    pub(crate) n_steps: usize,
}

/// One pipeline.
pub(crate) struct Line {
    /// Where its batches come from.
    pub(crate) driver: Driver,
    /// Types of the driver's columns, for error reports.
    pub(crate) types: Vec<DataType>,
    /// Types of the pairs of the joins in it, for error reports.
    pub(crate) pair_types: Vec<DataType>,
    /// The instructions.
    pub(crate) steps: Vec<Step>,
}

impl Code {
    /// Resolves every instruction of a verified program.
    pub(crate) fn resolve(program: &Program) -> Result<Self, SqlError> {
        let mut number = 0;
        let mut pipelines = Vec::with_capacity(program.pipelines().len());
        for pipeline in program.pipelines() {
            let mut steps = Vec::with_capacity(pipeline.insts.len());
            for inst in &pipeline.insts {
                steps.push(step(program, inst, number)?);
                number += 1;
            }
            pipelines.push(Line {
                driver: pipeline.driver,
                types: program.driver_types(pipeline.driver).unwrap_or_default(),
                pair_types: pair_types(program, &pipeline.insts),
                steps,
            });
        }
        let constants = program.constants.iter().map(|c| column(c, 1)).collect::<Result<_, _>>()?;
        let whole = program.constants.iter().map(|c| column(c, BATCH_ROWS));
        Ok(Self {
            pipelines,
            constants,
            constant_columns: whole.collect::<Result<_, _>>()?,
            constant_values: program.constants.clone(),
            n_steps: number,
        })
    }
}

/// `n` rows of a constant.
fn column(constant: &Constant, n: usize) -> Result<Column, SqlError> {
    let mut builder = ColumnBuilder::new(constant.ty.physical(), 1);
    builder.push_value(&constant.value)?;
    let one = builder.finish();
    Ok(if n == 1 { one } else { one.repeat(0, n) })
}

/// The columns that describe a pair of the pipeline's last join.
fn pair_types(program: &Program, insts: &[Inst]) -> Vec<DataType> {
    let join = insts.iter().rev().find(|i| matches!(i.op, Opcode::JoinLeft | Opcode::JoinRight));
    let Some(state) = join.and_then(|inst| program.states.get(usize::from(inst.a))) else {
        return Vec::new();
    };
    let types = |schema: &arena_tr_types::Schema| -> Vec<DataType> {
        schema.fields.iter().map(|f| f.data_type.clone()).collect()
    };
    match &state.spec {
        StateSpec::Join(spec) if spec.residual.is_some() => {
            state.inputs.iter().flat_map(types).collect()
        }
        _ => types(&state.output),
    }
}

fn step(program: &Program, inst: &Inst, number: usize) -> Result<Step, SqlError> {
    let info = inst.op.info();
    let mut args = Vec::new();
    let mut arms = Vec::new();
    for operand in info.operands {
        let word = inst.get(operand.slot) as u16;
        match operand.kind {
            Kind::Reg(_) | Kind::OuterReg | Kind::Val(_) => args.push(Val::decode(word)),
            Kind::Const(_) => args.push(Val::Const(ConstId(word))),
            Kind::Args | Kind::Columns | Kind::Bools | Kind::Lengths => {
                args.extend(program.list(inst).iter().map(|w| Val::decode(*w)));
            }
            Kind::Arms => {
                for arm in program.list(inst).chunks_exact(2) {
                    args.push(Val::decode(arm[0]));
                    arms.push(Sel(arm[1]));
                }
            }
            _ => {}
        }
    }
    let kernel = kernel(program, inst, info);
    let filter = filter_of_op(info);
    let run = run_of(info, kernel.as_ref(), filter.as_ref()).ok_or_else(|| {
        SqlError::new(SqlState::INTERNAL, format!("instruction {} has no code", inst.op))
    })?;
    let (args, arms) = (args.into_boxed_slice(), arms.into_boxed_slice());
    Ok(Step { run, inst: *inst, kernel, filter, args, arms, number })
}

/// The kernel of an instruction that computes a column.
fn kernel(program: &Program, inst: &Inst, info: &OpInfo) -> Option<Kernel> {
    use crate::kernel::logic;
    match inst.op {
        Opcode::Call => kernel_of(program.functions.get(FuncId(inst.a).index())?),
        Opcode::And => Some(Kernel::new(logic::and)),
        Opcode::Or => Some(Kernel::new(logic::or)),
        Opcode::Not => Some(Kernel::new(logic::not)),
        Opcode::IsNull => Some(Kernel::new(logic::is_null)),
        Opcode::NotNull => Some(Kernel::new(logic::is_not_null)),
        Opcode::WindowStart => Some(pure::window_start()),
        Opcode::WindowEnd => Some(pure::window_end()),
        _ => kernel_of_op(info),
    }
}

fn run_of(info: &OpInfo, kernel: Option<&Kernel>, filter: Option<&Filter>) -> Option<StepFn> {
    Some(match info.op {
        Opcode::LoadCol => pure::load_col,
        Opcode::LoadConst => pure::load_const,
        Opcode::LoadNow => pure::load_now,
        Opcode::LoadNew => pure::load_new,
        Opcode::Take => pure::take,
        Opcode::Blend => super::blend::blend,
        Opcode::SelTrue => select::sel_true,
        Opcode::SelFalse => select::sel_false,
        Opcode::SelNull => select::sel_null,
        Opcode::SelNotNull => select::sel_not_null,
        Opcode::SelMinus => select::sel_minus,
        Opcode::StopEmpty => select::stop_empty,
        Opcode::Check => select::check,
        Opcode::WindowHop => expand::window_hop,
        Opcode::WindowCumulate => expand::window_cumulate,
        Opcode::Unnest => expand::unnest,
        Opcode::UnnestOuter => expand::unnest_outer,
        Opcode::Push => send::push,
        Opcode::Emit => send::emit,
        Opcode::JoinLeft => state::join_left,
        Opcode::JoinRight => state::join_right,
        Opcode::JoinMatch => state::join_match,
        Opcode::GroupUpsert => state::group_upsert,
        Opcode::SetOpLeft => state::apply_left,
        Opcode::SetOpRight => state::apply_right,
        Opcode::PaneUpdate
        | Opcode::SessionUpdate
        | Opcode::SessionAssign
        | Opcode::DistinctUpdate
        | Opcode::TopUpdate
        | Opcode::OverUpdate
        | Opcode::HoldUpdate => state::apply_left,
        _ if info.operands.iter().any(|o| matches!(o.kind, Kind::Agg(_))) => state::agg_update,
        _ if filter.is_some() => select::filter,
        _ if info.family.starts_with("sel.") => return None,
        _ if kernel.is_some() => pure::run_kernel,
        _ => return None,
    })
}
