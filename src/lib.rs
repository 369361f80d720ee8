//! Arena-TR: SQL that stays true while the data moves.
#![forbid(unsafe_code)]
