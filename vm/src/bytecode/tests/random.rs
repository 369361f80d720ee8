//! Random verified programs: their text reads back, and running them never panics.

use std::sync::Arc;

use arena_tr_storage::Batch;
use arena_tr_storage::arena::Pool;
use arena_tr_types::{
    DataType, Decimal, Epoch, Field, Func, PhysicalType, RelationId, Schema, Value,
};

use crate::bytecode::builder::{Builder, Operand};
use crate::bytecode::table::{Effect, Elem, Kind, OPCODES, OpInfo, TypeRule};
use crate::bytecode::{Driver, Function, Input, Opcode, Output, Program, Reg, Sel, Val};
use crate::{OnError, StepInput, Task};

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % n as u64) as usize
    }
}

fn types() -> Vec<DataType> {
    use DataType::*;
    vec![
        Bool,
        Int2,
        Int4,
        Int8,
        Float4,
        Float8,
        Numeric(None),
        Text,
        Interval,
        Uuid,
        Date,
        Timestamp,
        Jsonb,
        Int8,
    ]
}

/// A value at or near a boundary of its type; NULL for types without one here.
fn value(ty: &DataType, rng: &mut Rng) -> Value {
    let pick = rng.below(5);
    match ty {
        _ if pick == 0 => Value::Null,
        DataType::Bool => Value::Bool(pick > 2),
        DataType::Int2 => Value::Int2([i16::MIN, -1, 0, i16::MAX][pick - 1]),
        DataType::Int4 => Value::Int4([i32::MIN, -1, 0, i32::MAX][pick - 1]),
        DataType::Int8 => Value::Int8([i64::MIN, -1, 0, i64::MAX][pick - 1]),
        DataType::Float4 => Value::Float4([-0.0, 1.5, f32::INFINITY, f32::MIN][pick - 1]),
        DataType::Float8 => Value::Float8([-0.0, 1.5, f64::INFINITY, f64::MIN][pick - 1]),
        DataType::Numeric(_) => Value::Numeric(Decimal::new([0, -1, 150, 7][pick - 1], 2)),
        DataType::Text => {
            let texts = ["", "a", "exactly12byt", "thirteen byte"];
            Value::Text(texts[pick - 1].into())
        }
        DataType::Date => Value::Date([-1, 0, 1, 16_000][pick - 1]),
        DataType::Timestamp => Value::Timestamp([i64::MIN, 0, 1, i64::MAX][pick - 1]),
        _ => Value::Null,
    }
}

struct Known {
    reg: Reg,
    ty: PhysicalType,
    under: Option<Sel>,
}

/// Builds one pipeline of random pure instructions.
struct Maker {
    builder: Builder,
    rng: Rng,
    regs: Vec<Known>,
    parents: Vec<Option<Sel>>,
}

impl Maker {
    fn is_part(&self, part: Sel, whole: Sel) -> bool {
        let mut current = Some(part);
        while let Some(sel) = current {
            if sel == whole {
                return true;
            }
            current = self.parents[sel.index()];
        }
        false
    }

    /// A readable register of a type, or a constant.
    fn val(&mut self, ty: PhysicalType, under: Sel) -> Val {
        let fits: Vec<Reg> = self
            .regs
            .iter()
            .filter(|k| k.ty == ty && k.under.is_none_or(|u| self.is_part(under, u)))
            .map(|k| k.reg)
            .collect();
        if fits.is_empty() || self.rng.below(4) == 0 {
            let of_type: Vec<DataType> =
                types().into_iter().filter(|t| t.physical() == ty).collect();
            let ty = &of_type[self.rng.below(of_type.len())];
            let value = value(ty, &mut self.rng);
            return self.builder.constant(ty, &value).into();
        }
        fits[self.rng.below(fits.len())].into()
    }

    fn reg(&mut self, ty: PhysicalType, under: Sel) -> Reg {
        match self.val(ty, under) {
            Val::Reg(reg) => reg,
            Val::Const(c) => {
                let reg = self.builder.register(ty);
                self.builder.emit(Opcode::LoadConst, &[reg.into(), c.into()]);
                self.regs.push(Known { reg, ty, under: None });
                reg
            }
        }
    }

    fn any_type(&mut self) -> PhysicalType {
        let all = types();
        all[self.rng.below(all.len())].physical()
    }

    fn wanted(&mut self, info: &OpInfo, rule: TypeRule) -> PhysicalType {
        match rule {
            TypeRule::Elem => info.elem.physical().expect("a typed opcode"),
            TypeRule::Is(ty) => ty,
            TypeRule::Any => self.any_type(),
        }
    }

    fn instruction(&mut self, info: &OpInfo) {
        let under = Sel(self.rng.below(self.parents.len()) as u16);
        let works_under = info.operands.iter().any(|o| o.kind == Kind::Under);
        let mut result = None;
        let mut operands = Vec::new();
        for operand in info.operands {
            operands.push(match operand.kind {
                Kind::Def(rule) => {
                    let ty = self.wanted(info, rule);
                    let reg = self.builder.register(ty);
                    result = Some(Known { reg, ty, under: works_under.then_some(under) });
                    reg.into()
                }
                Kind::DefSel => {
                    let sel = self.builder.selection();
                    self.parents.push(Some(under));
                    sel.into()
                }
                Kind::Val(rule) => {
                    let ty = self.wanted(info, rule);
                    Operand::Val(self.val(ty, under))
                }
                Kind::Reg(rule) => {
                    let ty = self.wanted(info, rule);
                    self.reg(ty, under).into()
                }
                Kind::Const(rule) => {
                    let ty = self.wanted(info, rule);
                    assert_eq!(ty, PhysicalType::I64);
                    let n = Value::Int8(self.rng.below(100) as i64 - 10);
                    self.builder.constant(&DataType::Int8, &n).into()
                }
                Kind::Bools => {
                    let n = 1 + self.rng.below(3);
                    let vals: Vec<Val> =
                        (0..n).map(|_| self.val(PhysicalType::Bool, under)).collect();
                    vals.into()
                }
                Kind::Under => under.into(),
                other => panic!("not a pure operand: {other:?}"),
            });
        }
        self.builder.emit(info.op, &operands);
        self.regs.extend(result);
    }

    /// CASE-like: two disjoint arms.
    fn blend(&mut self) {
        let under = Sel(self.rng.below(self.parents.len()) as u16);
        let condition = self.reg(PhysicalType::Bool, under);
        let (taken, rest) = (self.builder.selection(), self.builder.selection());
        self.parents.extend([Some(under), Some(under)]);
        self.builder.emit(Opcode::SelTrue, &[taken.into(), condition.into(), under.into()]);
        self.builder.emit(Opcode::SelMinus, &[rest.into(), taken.into(), under.into()]);
        let ty = self.any_type();
        let arms = vec![(self.val(ty, taken), taken), (self.val(ty, rest), rest)];
        let reg = self.builder.register(ty);
        self.builder.emit(Opcode::Blend, &[reg.into(), arms.into(), under.into()]);
        self.regs.push(Known { reg, ty, under: Some(under) });
    }

    fn call(&mut self) {
        let under = Sel(self.rng.below(self.parents.len()) as u16);
        let (func, args, ret) = [
            (Func::Lower, vec![DataType::Text], DataType::Text),
            (Func::Concat, vec![DataType::Text, DataType::Text], DataType::Text),
            (Func::Abs, vec![DataType::Int8], DataType::Int8),
        ][self.rng.below(3)]
        .clone();
        let vals: Vec<Val> = args.iter().map(|t| self.val(t.physical(), under)).collect();
        let ty = ret.physical();
        let id = self.builder.function(Function::Builtin { func, args, ret });
        let reg = self.builder.register(ty);
        self.builder.emit(Opcode::Call, &[reg.into(), id.into(), vals.into(), under.into()]);
        self.regs.push(Known { reg, ty, under: Some(under) });
    }
}

fn random_program(seed: u64) -> Program {
    let fields: Vec<Field> = types()
        .iter()
        .enumerate()
        .map(|(i, ty)| Field::new(format!("col {i}"), ty.clone(), i % 2 == 0))
        .collect();
    let schema = Schema::new(vec![
        Field::new("a", DataType::Int8, true),
        Field::new("b", DataType::Text, true),
    ]);
    let output = Output { schema, append_only: true, presentation: Default::default() };
    let mut builder = Builder::new(&format!("random {seed}"), output);
    builder.add_input(Input {
        relation: RelationId(1),
        name: "t".into(),
        columns: fields.into_iter().enumerate().collect(),
        append_only: false,
    });
    builder.begin(Driver::Delta(0));
    let mut maker = Maker { builder, rng: Rng(seed), regs: Vec::new(), parents: vec![None] };
    for (i, ty) in types().iter().enumerate() {
        let reg = maker.builder.register(ty.physical());
        maker.builder.emit(Opcode::LoadCol, &[reg.into(), Operand::Column(i as u16)]);
        maker.regs.push(Known { reg, ty: ty.physical(), under: None });
    }
    let pure: Vec<&OpInfo> = OPCODES
        .iter()
        .filter(|info| info.effect == Effect::Pure)
        .filter(|info| info.elem != Elem::None || info.op == Opcode::And || info.op == Opcode::Or)
        .chain(
            [Opcode::Not, Opcode::IsNull, Opcode::SelNotNull, Opcode::WindowStart]
                .map(Opcode::info),
        )
        .collect();
    for _ in 0..maker.rng.below(40) {
        match maker.rng.below(8) {
            0 => maker.blend(),
            1 => maker.call(),
            _ => {
                let info = pure[maker.rng.below(pure.len())];
                maker.instruction(info);
            }
        }
    }
    let last = Sel(maker.rng.below(maker.parents.len()) as u16);
    let checked = maker.builder.selection();
    maker.parents.push(Some(last));
    maker.builder.emit(Opcode::Check, &[checked.into(), last.into()]);
    let columns =
        vec![maker.val(PhysicalType::I64, checked), maker.val(PhysicalType::Str, checked)];
    maker.builder.emit(Opcode::Emit, &[columns.into(), checked.into()]);
    maker.builder.end();
    maker.builder.finish().expect("a random program is valid")
}

#[test]
fn random_programs_read_back_and_run() {
    let mut rng = Rng(7);
    for seed in 0..400 {
        let program = random_program(seed);
        let text = program.to_text();
        let again = Program::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(format!("{again:?}"), format!("{program:?}"), "{text}");
        let mut task = Task::new(Arc::new(program), Pool::global(), 1).expect("code");
        for size in [1, 2, 63, 64, 65, 1024] {
            let rows: Vec<Vec<Value>> =
                (0..size).map(|_| types().iter().map(|ty| value(ty, &mut rng)).collect()).collect();
            let batch = Batch::from_rows(&rows, &types()).expect("rows");
            let output = task
                .step(&StepInput {
                    epoch: Epoch(1),
                    now: 0,
                    watermark: i64::MIN,
                    deltas: &[&[batch]],
                    on_error: OnError::Divert,
                    cancel: None,
                })
                .unwrap_or_else(|error| panic!("{error}\n{text}"));
            let live: usize = output.delta.iter().map(Batch::live).sum();
            assert!(live + output.errors.len() <= size, "{text}");
        }
    }
}

/// Damaged text is refused or gives a verified program; it never panics.
#[test]
fn damaged_text_is_refused() {
    let mut rng = Rng(11);
    for seed in 0..300 {
        let mut text = random_program(seed).to_text().into_bytes();
        for _ in 0..1 + rng.below(4) {
            let at = rng.below(text.len());
            text[at] = b"0123456789rscfgq@[](), x-\"\n"[rng.below(27)];
        }
        let _ = Program::parse(&String::from_utf8_lossy(&text));
    }
}
