//! PostgreSQL 15's results.

use super::super::tests_support::text_call;
use super::*;

#[test]
fn truncation() {
    for (field, value, expected) in [
        ("hour", "2001-02-16 20:38:40", "2001-02-16 20:00:00"),
        ("DAY", "2001-02-16 20:38:40", "2001-02-16 00:00:00"),
        ("milliseconds", "1969-12-31 23:59:59.9999", "1969-12-31 23:59:59.999"),
        ("day", "1969-12-31 23:59:59", "1969-12-31 00:00:00"),
        ("week", "2001-02-16 20:38:40", "2001-02-12 00:00:00"),
        ("month", "infinity", "infinity"),
        ("day", "-infinity", "-infinity"),
        (
            "nonsense",
            "2001-02-16",
            "unit \"nonsense\" not recognized for type timestamp without time zone",
        ),
    ] {
        assert_eq!(
            text_call(Func::DateTrunc, &[(field, "text"), (value, "timestamp")], "timestamp"),
            expected,
            "{field} {value}"
        );
    }
    let interval = [("hour", "text"), ("2 days 03:02:47", "interval")];
    assert_eq!(text_call(Func::DateTrunc, &interval, "interval"), "2 days 03:00:00");
    let zone = [("day", "text"), ("2001-02-16 20:38:40+00", "timestamptz"), ("EST", "text")];
    assert_eq!(text_call(Func::DateTrunc, &zone, "timestamptz"), "2001-02-16 05:00:00+00");
}

#[test]
fn fields() {
    let n = "numeric";
    for (field, value, ty, expected) in [
        ("epoch", "2001-02-16 20:38:40.12", "timestamp", "982355920.120000"),
        ("second", "2001-02-16 20:38:40.12", "timestamp", "40.120000"),
        ("dow", "2001-02-16", "date", "5"),
        ("hour", "2001-02-16", "date", "unit \"hour\" not supported for type date"),
        ("day", "40 days 1 minute", "interval", "40"),
        ("hour", "20:38:40", "time", "20"),
        ("timezone", "2001-02-16", "timestamptz", "0"),
        ("day", "infinity", "timestamp", "NULL"),
    ] {
        assert_eq!(
            text_call(Func::Extract, &[(field, "text"), (value, ty)], n),
            expected,
            "{field} {ty}"
        );
    }
    let f = "float8";
    assert_eq!(text_call(Func::DatePart, &[("hour", "text"), ("2001-02-16", "date")], f), "0");
    assert_eq!(
        text_call(Func::DatePart, &[("second", "text"), ("2001-02-16 20:38:40.5", "timestamp")], f),
        "40.5"
    );
}

#[test]
fn construction() {
    let date = |y: &str, m: &str, d: &str| {
        text_call(Func::MakeDate, &[(y, "int4"), (m, "int4"), (d, "int4")], "date")
    };
    assert_eq!(date("2013", "7", "15"), "2013-07-15");
    assert_eq!(date("-44", "3", "15"), "0044-03-15 BC");
    assert_eq!(date("2013", "2", "30"), "date field value out of range: 2013-02-30");
    assert_eq!(date("0", "7", "15"), "date field value out of range: 0-07-15");
    assert_eq!(date("-2147483648", "1", "1"), "date out of range: -2147483648-01-01");
    assert_eq!(
        text_call(Func::MakeTime, &[("8", "int4"), ("20", "int4"), ("0.0", "float8")], "time"),
        "08:20:00"
    );
    assert_eq!(
        text_call(Func::MakeTime, &[("25", "int4"), ("20", "int4"), ("0.0", "float8")], "time"),
        "time field value out of range: 25:20:00"
    );
    let parts = [
        ("2013", "int4"),
        ("7", "int4"),
        ("15", "int4"),
        ("8", "int4"),
        ("15", "int4"),
        ("23.5", "float8"),
    ];
    assert_eq!(text_call(Func::MakeTimestamp, &parts, "timestamp"), "2013-07-15 08:15:23.5");
    let mut zoned = parts.to_vec();
    zoned.push(("CET", "text"));
    assert_eq!(text_call(Func::MakeTimestampTz, &zoned, "timestamptz"), "2013-07-15 07:15:23.5+00");
    let interval = "interval";
    assert_eq!(
        text_call(Func::MakeInterval, &[("1", "int4"), ("2", "int4")], interval),
        "1 year 2 mons"
    );
    let all = [
        ("1", "int4"),
        ("0", "int4"),
        ("1", "int4"),
        ("1", "int4"),
        ("1", "int4"),
        ("1", "int4"),
        ("1.5", "float8"),
    ];
    assert_eq!(text_call(Func::MakeInterval, &all, interval), "1 year 8 days 01:01:01.5");
    assert_eq!(
        text_call(Func::MakeInterval, &[("2147483647", "int4")], interval),
        "interval out of range"
    );
    assert_eq!(
        text_call(Func::ToTimestamp, &[("1284352323.5", "float8")], "timestamptz"),
        "2010-09-13 04:32:03.5+00"
    );
    assert_eq!(
        text_call(Func::ToTimestamp, &[("NaN", "float8")], "timestamptz"),
        "timestamp cannot be NaN"
    );
}

#[test]
fn spans() {
    let interval = "interval";
    let age = [("2001-04-10", "timestamp"), ("1957-06-13", "timestamp")];
    assert_eq!(text_call(Func::Age, &age, interval), "43 years 9 mons 27 days");
    // From midnight of the epoch's day, 2000-01-01.
    assert_eq!(
        text_call(Func::Age, &[("1999-12-30 12:00:00", "timestamp")], interval),
        "1 day 12:00:00"
    );
    let of_interval = |func: Func, text: &str| text_call(func, &[(text, "interval")], interval);
    assert_eq!(of_interval(Func::JustifyHours, "27 hours"), "1 day 03:00:00");
    assert_eq!(of_interval(Func::JustifyDays, "35 days"), "1 mon 5 days");
    assert_eq!(of_interval(Func::JustifyInterval, "1 mon -1 hour"), "29 days 23:00:00");
    let bin = [
        ("15 minutes", "interval"),
        ("2020-02-11 15:44:17", "timestamp"),
        ("2001-01-01", "timestamp"),
    ];
    assert_eq!(text_call(Func::DateBin, &bin, "timestamp"), "2020-02-11 15:30:00");
    assert_eq!(text_call(Func::IsFinite, &[("infinity", "timestamp")], "bool"), "false");
    assert_eq!(text_call(Func::IsFinite, &[("2020-01-01", "date")], "bool"), "true");
}

#[test]
fn zones() {
    let at = |zone: &str, value: &str, from: &str, to: &str| {
        text_call(Func::TimeZone, &[(zone, "text"), (value, from)], to)
    };
    assert_eq!(
        at("UTC", "2001-02-16 20:38:40", "timestamp", "timestamptz"),
        "2001-02-16 20:38:40+00"
    );
    assert_eq!(
        at("MST", "2001-02-16 20:38:40", "timestamp", "timestamptz"),
        "2001-02-17 03:38:40+00"
    );
    assert_eq!(
        at("MST", "2001-02-16 20:38:40+00", "timestamptz", "timestamp"),
        "2001-02-16 13:38:40"
    );
    assert_eq!(
        at("Europe/Paris", "2001-02-16", "timestamp", "timestamptz"),
        "time zone \"Europe/Paris\" is not supported yet"
    );
    assert_eq!(
        at("nowhere", "2001-02-16", "timestamp", "timestamptz"),
        "time zone \"nowhere\" not recognized"
    );
    let by = [("-08:00", "interval"), ("2001-02-16 20:38:40+00", "timestamptz")];
    assert_eq!(text_call(Func::TimeZone, &by, "timestamp"), "2001-02-16 12:38:40");
    let days = [("1 day", "interval"), ("2001-02-16", "timestamptz")];
    assert_eq!(
        text_call(Func::TimeZone, &days, "timestamp"),
        "interval time zone \"1 day\" must not include months or days"
    );
}

#[test]
fn overlapping_periods() {
    let of = |texts: [&str; 4]| text_call(Func::Overlaps, &texts.map(|t| (t, "timestamp")), "bool");
    assert_eq!(of(["2001-02-16", "2001-12-21", "2001-10-30", "2002-10-30"]), "true");
    assert_eq!(of(["2001-02-16", "2001-10-30", "2001-10-30", "2002-10-30"]), "false");
    assert_eq!(of(["2001-12-21", "2001-02-16", "2001-10-30", "2002-10-30"]), "true");
    assert_eq!(of(["2001-02-16", "2001-02-16", "2001-02-16", "2001-02-16"]), "true");
    assert_eq!(of(["2001-02-16", "NULL", "2001-10-30", "2002-10-30"]), "NULL");
    assert_eq!(of(["2001-11-16", "NULL", "2001-10-30", "2002-10-30"]), "true");
}

#[test]
fn windows_tile_the_axis() {
    let start = |t: &str, size: &str, offset: &str| {
        text_call(
            Func::WindowStart,
            &[(t, "timestamp"), (size, "int8"), (offset, "int8")],
            "timestamp",
        )
    };
    let hour = "3600000000";
    assert_eq!(start("2020-01-01 10:59:59.999999", hour, "0"), "2020-01-01 10:00:00");
    assert_eq!(start("2020-01-01 10:00:00", hour, "0"), "2020-01-01 10:00:00");
    assert_eq!(start("1969-12-31 23:30:00", hour, "0"), "1969-12-31 23:00:00");
    assert_eq!(start("2020-01-01 10:10:00", hour, "900000000"), "2020-01-01 09:15:00");
    assert_eq!(start("2020-01-01 10:10:00", hour, "-900000000"), "2020-01-01 09:45:00");
}
