//! Functions of dates, times and intervals.
//!
//! Invariant: overloads of a name differ in argument types or count.

use super::Func::*;
use super::Ty::{
    Bool, Date, Float8, Int4, Int8, Interval, Numeric, Text, Time, Timestamp, TimestampTz,
};
use super::{Signature, sig};

pub(super) static FUNCTIONS: &[Signature] = &[
    sig(DateTrunc, "date_trunc", &[Text, Timestamp], Timestamp).fails(),
    sig(DateTrunc, "date_trunc", &[Text, TimestampTz], TimestampTz).fails(),
    sig(DateTrunc, "date_trunc", &[Text, TimestampTz, Text], TimestampTz).fails(),
    sig(DateTrunc, "date_trunc", &[Text, Interval], Interval).fails(),
    sig(Extract, "extract", &[Text, Date], Numeric).fails(),
    sig(Extract, "extract", &[Text, Time], Numeric).fails(),
    sig(Extract, "extract", &[Text, Timestamp], Numeric).fails(),
    sig(Extract, "extract", &[Text, TimestampTz], Numeric).fails(),
    sig(Extract, "extract", &[Text, Interval], Numeric).fails(),
    sig(DatePart, "date_part", &[Text, Date], Float8).fails(),
    sig(DatePart, "date_part", &[Text, Time], Float8).fails(),
    sig(DatePart, "date_part", &[Text, Timestamp], Float8).fails(),
    sig(DatePart, "date_part", &[Text, TimestampTz], Float8).fails(),
    sig(DatePart, "date_part", &[Text, Interval], Float8).fails(),
    sig(DateBin, "date_bin", &[Interval, Timestamp, Timestamp], Timestamp).fails(),
    sig(DateBin, "date_bin", &[Interval, TimestampTz, TimestampTz], TimestampTz).fails(),
    sig(ToChar, "to_char", &[Timestamp, Text], Text).fails(),
    sig(ToChar, "to_char", &[TimestampTz, Text], Text).fails(),
    sig(ToChar, "to_char", &[Interval, Text], Text).fails(),
    sig(ToChar, "to_char", &[Int4, Text], Text).fails(),
    sig(ToChar, "to_char", &[Int8, Text], Text).fails(),
    sig(ToChar, "to_char", &[super::Ty::Float4, Text], Text).fails(),
    sig(ToChar, "to_char", &[Float8, Text], Text).fails(),
    sig(ToChar, "to_char", &[Numeric, Text], Text).fails(),
    sig(ToTimestamp, "to_timestamp", &[Float8], TimestampTz).fails(),
    sig(ToTimestamp, "to_timestamp", &[Text, Text], TimestampTz).fails(),
    sig(ToDate, "to_date", &[Text, Text], Date).fails(),
    sig(ToNumber, "to_number", &[Text, Text], Numeric).fails(),
    sig(MakeDate, "make_date", &[Int4, Int4, Int4], Date).fails(),
    sig(MakeTime, "make_time", &[Int4, Int4, Float8], Time).fails(),
    sig(MakeTimestamp, "make_timestamp", &[Int4, Int4, Int4, Int4, Int4, Float8], Timestamp)
        .fails(),
    sig(MakeTimestampTz, "make_timestamptz", &[Int4, Int4, Int4, Int4, Int4, Float8], TimestampTz)
        .fails(),
    sig(
        MakeTimestampTz,
        "make_timestamptz",
        &[Int4, Int4, Int4, Int4, Int4, Float8, Text],
        TimestampTz,
    )
    .fails(),
    // years, months, weeks, days, hours, mins, secs: each may be left out from the right.
    sig(MakeInterval, "make_interval", &[], Interval),
    sig(MakeInterval, "make_interval", &[Int4], Interval).fails(),
    sig(MakeInterval, "make_interval", &[Int4, Int4], Interval).fails(),
    sig(MakeInterval, "make_interval", &[Int4, Int4, Int4], Interval).fails(),
    sig(MakeInterval, "make_interval", &[Int4, Int4, Int4, Int4], Interval).fails(),
    sig(MakeInterval, "make_interval", &[Int4, Int4, Int4, Int4, Int4], Interval).fails(),
    sig(MakeInterval, "make_interval", &[Int4, Int4, Int4, Int4, Int4, Int4], Interval).fails(),
    sig(MakeInterval, "make_interval", &[Int4, Int4, Int4, Int4, Int4, Int4, Float8], Interval)
        .fails(),
    sig(Age, "age", &[Timestamp, Timestamp], Interval).fails(),
    sig(Age, "age", &[TimestampTz, TimestampTz], Interval).fails(),
    sig(Age, "age", &[Timestamp], Interval).fails().stable(),
    sig(Age, "age", &[TimestampTz], Interval).fails().stable(),
    sig(JustifyHours, "justify_hours", &[Interval], Interval).fails(),
    sig(JustifyDays, "justify_days", &[Interval], Interval).fails(),
    sig(JustifyInterval, "justify_interval", &[Interval], Interval).fails(),
    sig(IsFinite, "isfinite", &[Date], Bool),
    sig(IsFinite, "isfinite", &[Timestamp], Bool),
    sig(IsFinite, "isfinite", &[TimestampTz], Bool),
    sig(IsFinite, "isfinite", &[Interval], Bool),
    sig(TimeZone, "timezone", &[Text, Timestamp], TimestampTz).fails(),
    sig(TimeZone, "timezone", &[Text, TimestampTz], Timestamp).fails(),
    sig(TimeZone, "timezone", &[Interval, Timestamp], TimestampTz).fails(),
    sig(TimeZone, "timezone", &[Interval, TimestampTz], Timestamp).fails(),
    sig(Overlaps, "overlaps", &[Timestamp, Timestamp, Timestamp, Timestamp], Bool).sees_null(),
    sig(Overlaps, "overlaps", &[Timestamp, Interval, Timestamp, Interval], Bool)
        .sees_null()
        .fails(),
    sig(Overlaps, "overlaps", &[TimestampTz, TimestampTz, TimestampTz, TimestampTz], Bool)
        .sees_null(),
    sig(Overlaps, "overlaps", &[Time, Time, Time, Time], Bool).sees_null(),
];
