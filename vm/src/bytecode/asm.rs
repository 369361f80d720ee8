//! The assembler: program text to a verified program.
//!
//! Reads what [`super::disasm`] prints, so that programs can be written by hand in tests and kept
//! as text.
//! Invariant: `parse(print(p)) == p` for every verified program, and no input makes it panic.

use std::fmt;

use super::inst::{ConstId, FuncId, Inst, QueueId, Reg, Sel, StateId, Val, ValuesId};
use super::lexer::{Token, tokens};
use super::program::{
    Constant, Driver, Function, Input, Output, Pipeline, Program, Queue, State, ValuesTable,
};
use super::table::{Kind, Opcode};
use super::text::{Text, parse_value};
use super::text_plan::{STATE_KINDS, parse_spec};
use super::verify::verify;
use arena_tr_types::{DataType, Field, Func, PhysicalType, Schema};

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsmError {
    /// Line, from 1; 0 when the text reads but does not verify: then the message names the
    /// instruction.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl AsmError {
    pub(super) fn new(text: &str, at: usize, expected: &str) -> Self {
        let line = text[..at].matches('\n').count() + 1;
        Self { line, message: format!("expected {expected}") }
    }
}

impl fmt::Display for AsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for AsmError {}

/// A cursor over the tokens of a program text.
pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    at: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, AsmError> {
        Ok(Self { text, tokens: tokens(text)?, at: 0 })
    }

    /// An error at the current token.
    pub(super) fn error(&self, expected: &str) -> AsmError {
        let at = self.tokens.get(self.at).map_or(self.text.len(), |(_, at)| *at);
        AsmError::new(self.text, at, expected)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at)?.0.clone();
        self.at += 1;
        Some(token)
    }

    /// Takes this token if it is next.
    pub(super) fn accept(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    /// Takes this word if it is next.
    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, token: &Token) -> Result<(), AsmError> {
        if self.accept(token) { Ok(()) } else { Err(self.error(&format!("{token:?}"))) }
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<(), AsmError> {
        if self.accept_word(word) { Ok(()) } else { Err(self.error(word)) }
    }

    /// Any word.
    pub(super) fn word(&mut self, what: &str) -> Result<String, AsmError> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.error(what)),
        }
    }

    /// One of these words, as what it stands for.
    pub(super) fn one_of<T: Clone>(
        &mut self,
        what: &str,
        words: &[(&str, T)],
    ) -> Result<T, AsmError> {
        if let Some(Token::Word(word)) = self.peek()
            && let Some((_, value)) = words.iter().find(|(name, _)| name == word)
        {
            self.at += 1;
            return Ok(value.clone());
        }
        Err(self.error(what))
    }

    /// A plain or quoted name.
    pub(super) fn name(&mut self) -> Result<String, AsmError> {
        match self.next() {
            Some(Token::Word(name) | Token::Str(name)) => Ok(name),
            _ => {
                self.at = self.at.saturating_sub(1);
                Err(self.error("a name"))
            }
        }
    }

    /// A quoted string.
    pub(super) fn string(&mut self) -> Result<String, AsmError> {
        match self.peek() {
            Some(Token::Str(text)) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.error("a quoted string")),
        }
    }

    /// An integer in the range of `T`.
    pub(super) fn int<T: TryFrom<i128>>(&mut self) -> Result<T, AsmError> {
        if let Some(Token::Int(i)) = self.peek()
            && let Ok(value) = T::try_from(*i)
        {
            self.at += 1;
            return Ok(value);
        }
        Err(self.error("an integer in range"))
    }

    /// Items between two tokens, separated by commas.
    pub(super) fn list<T>(
        &mut self,
        open: &Token,
        close: &Token,
        mut item: impl FnMut(&mut Self) -> Result<T, AsmError>,
    ) -> Result<Vec<T>, AsmError> {
        self.expect(open)?;
        let mut items = Vec::new();
        if self.accept(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.accept(close) {
                return Ok(items);
            }
            self.expect(&Token::Comma)?;
        }
    }

    /// `name: value`, and the comma behind it.
    pub(super) fn field<T: Text>(&mut self, name: &str) -> Result<T, AsmError> {
        self.expect_word(name)?;
        self.expect(&Token::Colon)?;
        let value = T::parse(self)?;
        self.accept(&Token::Comma);
        Ok(value)
    }

    /// A number behind a letter, as in `r5`.
    fn numbered(&mut self, prefix: &str, what: &str) -> Result<u16, AsmError> {
        if let Some(Token::Word(word)) = self.peek()
            && let Some(number) = word.strip_prefix(prefix)
            && let Ok(number) = number.parse()
        {
            self.at += 1;
            return Ok(number);
        }
        Err(self.error(what))
    }

    fn val(&mut self) -> Result<Val, AsmError> {
        match self.peek() {
            Some(Token::Word(word)) if word.starts_with('c') => {
                let id = self.numbered("c", "a register or a constant")?;
                Ok(Val::Const(ConstId(id)))
            }
            _ => Ok(Val::Reg(Reg(self.numbered("r", "a register or a constant")?))),
        }
    }
}

impl Program {
    /// Reads a program from its text form and verifies it.
    pub fn parse(text: &str) -> Result<Self, AsmError> {
        let program = parse_unverified(text)?;
        match verify(&program) {
            Ok(()) => Ok(program),
            Err(error) => Err(AsmError { line: 0, message: error.to_string() }),
        }
    }
}

/// The program of a text, not yet verified.
pub(super) fn parse_unverified(text: &str) -> Result<Program, AsmError> {
    let mut p = Parser::new(text)?;
    p.expect_word("program")?;
    let mut program = Program {
        name: p.name()?,
        inputs: Vec::new(),
        constants: Vec::new(),
        registers: Vec::new(),
        n_selections: 1,
        functions: Vec::new(),
        lists: Vec::new(),
        values: Vec::new(),
        states: Vec::new(),
        queues: Vec::new(),
        pipelines: Vec::new(),
        output: Output {
            schema: Schema::new(Vec::<Field>::new()),
            append_only: false,
            presentation: Default::default(),
        },
    };
    while p.peek().is_some() {
        item(&mut p, &mut program)?;
    }
    Ok(program)
}

/// One item behind the program's name.
fn item(p: &mut Parser<'_>, program: &mut Program) -> Result<(), AsmError> {
    match p.word("an item of a program")?.as_str() {
        "input" => program.inputs.push(input(p)?),
        "const" => {
            index(p, "c", program.constants.len())?;
            program.constants.push(Constant::parse(p)?);
        }
        "fn" => {
            index(p, "f", program.functions.len())?;
            program.functions.push(function(p)?);
        }
        "values" => {
            index(p, "v", program.values.len())?;
            program.values.push(values(p)?);
        }
        "state" => {
            index(p, "g", program.states.len())?;
            program.states.push(state(p)?);
        }
        "queue" => {
            index(p, "q", program.queues.len())?;
            let types = p.list(&Token::Open, &Token::Close, DataType::parse)?;
            program.queues.push(Queue { types });
        }
        "registers" => program.registers = Vec::<PhysicalType>::parse(p)?,
        "selections" => program.n_selections = p.int()?,
        "output" => {
            let append_only = p.accept_word("append");
            let schema = Schema::parse(p)?;
            program.output = Output { schema, append_only, presentation: Text::parse(p)? };
        }
        "pipeline" => pipeline(p, program)?,
        _ => {
            p.at -= 1;
            return Err(p.error("an item of a program"));
        }
    }
    Ok(())
}

/// `c0`, `f1`: the number must be the next one.
fn index(p: &mut Parser<'_>, prefix: &str, next: usize) -> Result<(), AsmError> {
    let found = p.numbered(prefix, "a numbered item")?;
    if usize::from(found) == next { Ok(()) } else { Err(p.error(&format!("number {next}"))) }
}

fn input(p: &mut Parser<'_>) -> Result<Input, AsmError> {
    let name = p.name()?;
    let relation = Text::parse(p)?;
    let append_only = p.accept_word("append");
    let columns = p.list(&Token::Open, &Token::Close, |p| {
        let position = p.int()?;
        Ok((position, Field::parse(p)?))
    })?;
    Ok(Input { relation, name, columns, append_only })
}

fn function(p: &mut Parser<'_>) -> Result<Function, AsmError> {
    let name = p.word("a function")?;
    if name == "cast" || name == "try_cast" {
        p.expect(&Token::Open)?;
        let from = DataType::parse(p)?;
        p.expect(&Token::Close)?;
        return Ok(Function::Cast { from, to: DataType::parse(p)?, try_: name == "try_cast" });
    }
    let func = Func::from_name(&name).ok_or_else(|| p.error("a function"))?;
    let args = p.list(&Token::Open, &Token::Close, DataType::parse)?;
    Ok(Function::Builtin { func, args, ret: DataType::parse(p)? })
}

fn values(p: &mut Parser<'_>) -> Result<ValuesTable, AsmError> {
    let types = p.list(&Token::Open, &Token::Close, DataType::parse)?;
    let rows = p.list(&Token::OpenStruct, &Token::CloseStruct, |p| {
        let mut column = types.iter();
        p.list(&Token::Open, &Token::Close, |p| match column.next() {
            Some(ty) => parse_value(p, ty),
            None => Err(p.error("as many values as columns")),
        })
    })?;
    Ok(ValuesTable { types, rows })
}

fn state(p: &mut Parser<'_>) -> Result<State, AsmError> {
    let kind = p.one_of("a kind of state", STATE_KINDS)?;
    let mut inputs = Vec::new();
    while !p.accept(&Token::Arrow) {
        inputs.push(Schema::parse(p)?);
    }
    let output = Schema::parse(p)?;
    Ok(State { inputs, output, spec: parse_spec(p, kind)? })
}

fn pipeline(p: &mut Parser<'_>, program: &mut Program) -> Result<(), AsmError> {
    let number: usize = p.int()?;
    if number != program.pipelines.len() {
        return Err(p.error("pipelines in order"));
    }
    p.expect_word("on")?;
    let driver = match p.word("a driver")?.as_str() {
        "delta" => {
            let name = p.name()?;
            let found = program.inputs.iter().position(|input| input.name == name);
            Driver::Delta(found.ok_or_else(|| p.error("the name of an input"))? as u16)
        }
        "input" => Driver::Delta(p.int()?),
        "queue" => Driver::Queue(QueueId(p.numbered("q", "a queue")?)),
        "changed" => Driver::Changed(StateId(p.numbered("g", "a state")?)),
        "close" => Driver::Close(StateId(p.numbered("g", "a state")?)),
        "values" => Driver::Values(ValuesId(p.numbered("v", "a table of values")?)),
        _ => return Err(p.error("a driver")),
    };
    let mut insts = Vec::new();
    while matches!(p.peek(), Some(Token::Int(_))) {
        let number: usize = p.int()?;
        if number != insts.len() {
            return Err(p.error("instructions in order"));
        }
        insts.push(inst(p, program, driver)?);
    }
    program.pipelines.push(Pipeline { driver, insts });
    Ok(())
}

/// One instruction: its mnemonic and the operands that the table lists.
fn inst(p: &mut Parser<'_>, program: &mut Program, driver: Driver) -> Result<Inst, AsmError> {
    let word = p.word("a mnemonic")?;
    let op = Opcode::from_mnemonic(&word).ok_or_else(|| p.error("a mnemonic"))?;
    let mut inst = Inst::new(op);
    for operand in op.info().operands {
        p.accept(&Token::Comma);
        let word = match operand.kind {
            Kind::Def(_) | Kind::Reg(_) | Kind::OuterReg => {
                u32::from(p.numbered("r", "a register")?)
            }
            Kind::Val(_) => u32::from(p.val()?.encode()),
            Kind::Const(_) => u32::from(p.numbered("c", "a constant")?),
            Kind::DefSel | Kind::Sel => u32::from(p.numbered("s", "a selection")?),
            Kind::Under => {
                p.expect(&Token::At)?;
                u32::from(p.numbered("s", "a selection")?)
            }
            Kind::Column => column(p, program, driver)?,
            Kind::Func => u32::from(FuncId(p.numbered("f", "a function")?).0),
            Kind::Queue => u32::from(p.numbered("q", "a queue")?),
            Kind::State(_) => u32::from(p.numbered("g", "a state")?),
            Kind::Agg(_) => {
                p.expect(&Token::Dot)?;
                u32::from(p.int::<u16>()?)
            }
            Kind::Args | Kind::Bools | Kind::Columns | Kind::Lengths | Kind::Arms => {
                let words = operand_list(p, operand.kind == Kind::Arms)?;
                program.lists.push(words);
                (program.lists.len() - 1) as u32
            }
        };
        inst.set(operand.slot, word);
    }
    Ok(inst)
}

/// `[r0, c1]`, or `[r0@s1, c1@s2]` for arms.
fn operand_list(p: &mut Parser<'_>, arms: bool) -> Result<Vec<u16>, AsmError> {
    let pairs = p.list(&Token::OpenList, &Token::CloseList, |p| {
        let val = p.val()?;
        if !arms {
            return Ok((val, None));
        }
        p.expect(&Token::At)?;
        Ok((val, Some(Sel(p.numbered("s", "a selection")?))))
    })?;
    Ok(pairs
        .into_iter()
        .flat_map(|(val, sel)| [Some(val.encode()), sel.map(|s| s.0)])
        .flatten()
        .collect())
}

/// `#2`, or the column's name if it has one.
fn column(p: &mut Parser<'_>, program: &Program, driver: Driver) -> Result<u32, AsmError> {
    if p.accept(&Token::Hash) {
        return Ok(u32::from(p.int::<u16>()?));
    }
    let start = p.at;
    let name = p.name()?;
    let found = super::disasm::column_names(program, driver)
        .iter()
        .position(|column| column.as_deref() == Some(name.as_str()));
    found.map(|i| i as u32).ok_or_else(|| {
        p.at = start;
        p.error("a column of the driver")
    })
}
