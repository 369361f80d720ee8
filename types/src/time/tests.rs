//! Reading, printing and arithmetic of dates and times against results known from PostgreSQL 15.

use super::*;
use crate::error::SqlError;

fn date(text: &str) -> i32 {
    parse_date(text).unwrap()
}

fn ts(text: &str) -> Timestamp {
    parse_timestamp(text).unwrap()
}

fn span(text: &str) -> Interval {
    Interval::parse(text).unwrap()
}

fn show_date(days: i32) -> String {
    let mut out = String::new();
    push_date(&mut out, days);
    out
}

fn show_ts(timestamp: Timestamp) -> String {
    let mut out = String::new();
    push_timestamp(&mut out, timestamp);
    out
}

fn state<T: std::fmt::Debug>(result: Result<T, SqlError>) -> &'static str {
    result.unwrap_err().state.0
}

#[test]
fn calendar_round_trips() {
    for days in (DATE_MIN..DATE_MIN + 1000).chain(-1000..1000).chain(DATE_MAX - 1000..=DATE_MAX) {
        let (year, month, day) = civil_from_days(days);
        assert_eq!(days_from_civil(year, month, day), days);
        assert!((1..=date::days_in_month(year, month)).contains(&day));
    }
    assert_eq!(civil_from_days(0), (1970, 1, 1));
    assert_eq!(show_date(date("2000-02-29") + 366), "2001-03-01");
    assert_eq!(date::day_of_week(date("2020-08-16")), 0);
    assert_eq!(date::iso_week(date("2005-01-01")), (2004, 53));
    assert_eq!(date::iso_week(date("2008-12-29")), (2009, 1));
}

#[test]
fn dates_are_read_in_every_form() {
    let same = [
        "1999-01-08",
        "January 8, 1999",
        "1/8/1999",
        "19990108",
        "990108",
        "1999.008",
        "J2451187",
        "1999-Jan-08",
        "08-Jan-99",
        "Jan-08-1999",
        "08 Jan 1999",
        "1999 08 Jan",
        "1999 01 08",
        " 1999-01-08 ",
        "Fri Jan 8 1999",
        "8 January 1999 AD",
        "1999-1-8",
    ];
    for text in same {
        assert_eq!(show_date(date(text)), "1999-01-08", "{text}");
    }
    assert_eq!(show_date(date("January 8, 99 BC")), "0099-01-08 BC");
    assert_eq!(show_date(date("4714-11-24 BC")), "4714-11-24 BC");
    assert_eq!(show_date(date("5874897-12-31")), "5874897-12-31");
    assert_eq!(date("infinity"), DATE_INFINITY);
    assert_eq!(show_date(date("-infinity")), "-infinity");
    assert_eq!(date("epoch"), 0);
}

#[test]
fn wrong_dates_have_postgres_states() {
    for text in
        ["1997-02-29", "18/1/1999", "99-Jan-08", "4714-11-23 BC", "5874898-01-01", "99-01-08"]
    {
        assert_eq!(state(parse_date(text)), "22008", "{text}");
    }
    for text in ["", "x", "99-08-Jan", "99 Jan 08", "12:00", "1999-01-08 1999-01-08", "1999-01-08-"]
    {
        assert_eq!(state(parse_date(text)), "22007", "{text}");
    }
    let message = |text| parse_date(text).unwrap_err().message;
    assert_eq!(message("x1"), "invalid input syntax for type date: \"x1\"");
    assert_eq!(message("1997-02-29"), "date/time field value out of range: \"1997-02-29\"");
    assert_eq!(state(parse_date("today")), "0A000");
}

#[test]
fn times_are_read_and_carried_up_to_midnight() {
    let show = |text: &str| {
        let mut out = String::new();
        push_time(&mut out, parse_time(text).unwrap());
        out
    };
    assert_eq!(show("04:05"), "04:05:00");
    assert_eq!(show("04:05:06.789"), "04:05:06.789");
    assert_eq!(show("040506"), "04:05:06");
    assert_eq!(show("04:05 PM"), "16:05:00");
    assert_eq!(show("12:05 am"), "00:05:00");
    assert_eq!(show("2003-03-07 15:36:39"), "15:36:39");
    assert_eq!(show("23:59:59.9999999"), "24:00:00");
    assert_eq!(show("02:03 PST"), "02:03:00");
    assert_eq!(state(parse_time("24:00:00.01")), "22008");
    assert_eq!(state(parse_time("13:05 PM")), "22008");
    assert_eq!(state(parse_time("noon")), "22007");
}

#[test]
fn timestamps_are_read_and_printed() {
    assert_eq!(show_ts(ts("2015-07-15 00:00:00.006")), "2015-07-15 00:00:00.006");
    assert_eq!(show_ts(ts("2015-07-15T10:20:30Z")), "2015-07-15 10:20:30");
    assert_eq!(show_ts(ts("Wed Jul 15 10:20:30.5 2015 PST")), "2015-07-15 10:20:30.5");
    assert_eq!(show_ts(ts("20150715T102030")), "2015-07-15 10:20:30");
    assert_eq!(show_ts(ts("2015-07-15")), "2015-07-15 00:00:00");
    assert_eq!(show_ts(ts("0044-03-15 12:30:15 BC")), "0044-03-15 12:30:15 BC");
    assert_eq!(show_ts(ts("1969-12-31 23:59:59.999999")), "1969-12-31 23:59:59.999999");
    assert_eq!(ts("infinity"), TIMESTAMP_INFINITY);
    let zoned = |text| parse_timestamptz(text).unwrap();
    assert_eq!(zoned("2015-07-15 10:00:00+02"), ts("2015-07-15 08:00:00"));
    assert_eq!(zoned("2015-07-15 10:00:00 -05:30"), ts("2015-07-15 15:30:00"));
    assert_eq!(zoned("2015-07-15 10:00:00 EST"), ts("2015-07-15 15:00:00"));
    assert_eq!(state(parse_timestamptz("2015-07-15 10:00:00+20")), "22009");
    assert_eq!(state(parse_timestamptz("2015-07-15 10:00:00 Europe/Paris")), "0A000");
    assert_eq!(state(parse_timestamp("4714-11-23 23:59:59 BC")), "22008");
    assert_eq!(state(parse_timestamp("2015-07-15 25:00:00")), "22008");
}

#[test]
fn short_path_and_tokens_agree() {
    // A blank at the end keeps the text off the short path.
    for text in
        ["2015-07-15 10:20:30.123456", "2015-07-15T10:20:30", "2000-02-29 00:00:00", "0001-01-01"]
    {
        assert_eq!(ts(text), ts(&format!("{text} ")), "{text}");
    }
}

#[test]
fn intervals_are_read_in_every_form() {
    let cases = [
        ("1.5 weeks", "10 days 12:00:00"),
        ("1.5 months", "1 mon 15 days"),
        ("-1 +02:03", "-1 days +02:03:00"),
        ("10 years -11 month -12 days +13:14", "9 years 1 mon -12 days +13:14:00"),
        ("1 day 2 hours 3 minutes 4 seconds ago", "-1 days -02:03:04"),
        ("1-2", "1 year 2 mons"),
        ("-1-2 +3 -4:05:06.789", "-1 years -2 mons +3 days -04:05:06.789"),
        ("P1Y2M3DT4H5M6.5S", "1 year 2 mons 3 days 04:05:06.5"),
        ("P1W", "7 days"),
        ("P-1Y", "-1 years"),
        ("P0002-10-15T10:30:20", "2 years 10 mons 15 days 10:30:20"),
        ("P00021015T103020", "2 years 10 mons 15 days 10:30:20"),
        ("PT10:30", "10:30:00"),
        ("P0002", "2 years"),
        ("@ 0.70 secs", "00:00:00.7"),
        ("2.5 decades", "25 years"),
        ("1 millennium 1 century", "1100 years"),
        ("500 seconds 99 milliseconds 51 microseconds", "00:08:20.099051"),
        ("0", "00:00:00"),
        ("-1.5", "-00:00:01.5"),
        ("2562047788:00:54.775807", "2562047788:00:54.775807"),
    ];
    for (text, expected) in cases {
        assert_eq!(span(text).to_string(), expected, "{text}");
        assert_eq!(span(expected), span(text), "{expected} reads back");
    }
}

#[test]
fn interval_fields_decide_bare_numbers_and_cut() {
    let unit = |name: &str| IntervalUnit::parse(name);
    let read = |text: &str, leading: &str, last: &str, precision| {
        let fields = IntervalFields { leading: unit(leading), last: unit(last), precision };
        Interval::parse_fields(text, fields).map(|i| i.to_string())
    };
    assert_eq!(read("5", "second", "", None).unwrap(), "00:00:05");
    assert_eq!(read("999", "month", "", None).unwrap(), "83 years 3 mons");
    assert_eq!(read("1 2", "day", "hour", None).unwrap(), "1 day 02:00:00");
    assert_eq!(read("1 2:03:04", "day", "minute", None).unwrap(), "1 day 02:03:00");
    assert_eq!(read("1 2:03", "minute", "second", None).unwrap(), "1 day 00:02:03");
    assert_eq!(read("1 day 01:23:45.6789", "", "", Some(2)).unwrap(), "1 day 01:23:45.68");
    assert_eq!(read("-1.235", "second", "", Some(2)).unwrap(), "-00:00:01.24");
    assert_eq!(state(read("1 2", "day", "minute", None)), "22007");
    assert_eq!(state(read("123 11", "day", "", None)), "22007");
}

#[test]
fn wrong_intervals_have_postgres_states() {
    for text in [
        "",
        "badly formatted",
        "@ 30 eons ago",
        "1 second 2 seconds",
        "1 day 1 day",
        "P",
        "1:2:3:4",
    ] {
        assert_eq!(state(Interval::parse(text)), "22007", "{text}");
    }
    assert_eq!(state(Interval::parse("2147483648 days")), "22015");
    assert_eq!(state(Interval::parse("2147483647 years")), "22008");
    assert_eq!(
        Interval::parse("x").unwrap_err().message,
        "invalid input syntax for type interval: \"x\""
    );
}

#[test]
fn intervals_compare_by_length_and_keep_their_bits() {
    assert!(span("1 month").eq_sql(span("30 days")) && span("1 month") != span("30 days"));
    assert!(span("-1 day").cmp_sql(span("0")).is_lt());
    for text in ["1 year -2 days 03:04:05", "-1 mons +5 days -00:00:00.000001"] {
        assert_eq!(Interval::from_bits(span(text).to_bits()), span(text));
    }
}

#[test]
fn intervals_scale_with_carries() {
    let mul = |text: &str, by: f64| span(text).checked_mul(by).unwrap().to_string();
    let div = |text: &str, by: f64| span(text).checked_div(by).unwrap().to_string();
    assert_eq!(mul("41 mon 12 days 360:00", 0.3), "1 year 12 days 122:24:00");
    assert_eq!(
        mul("-3 years 482 days 76:54:32.189", 8.2),
        "-24 years -7 mons +3946 days 640:15:11.9498"
    );
    assert_eq!(div("9 mon -27 days 12:34:56", 10.0), "25 days -15:32:30.4");
    assert_eq!(div("999 mon 999 days", 100.0), "9 mons 39 days 16:33:36");
    assert_eq!(state(span("1 day").checked_div(0.0)), "22012");
    assert_eq!(state(span("256 microseconds").checked_mul(2f64.powi(55))), "22008");
    assert_eq!(state(Interval::new(i32::MIN, 0, 0).checked_neg()), "22008");
}

#[test]
fn justification_moves_whole_units_up() {
    let hours = span("6 months 3 days 52 hours 3 minutes 2 seconds").justify_hours().unwrap();
    assert_eq!(hours.to_string(), "6 mons 5 days 04:03:02");
    let days = span("6 months 36 days 5 hours").justify_days().unwrap();
    assert_eq!(days.to_string(), "7 mons 6 days 05:00:00");
    let both = span("1 month -1 hour").justify_interval().unwrap();
    assert_eq!(both.to_string(), "29 days 23:00:00");
}

#[test]
fn points_move_by_intervals() {
    let plus = |t: &str, i: &str| show_ts(timestamp_plus_interval(ts(t), span(i)).unwrap());
    assert_eq!(plus("2000-01-31 10:00:00", "1 month"), "2000-02-29 10:00:00");
    assert_eq!(plus("2000-02-29", "-1 year"), "1999-02-28 00:00:00");
    assert_eq!(plus("1999-12-31 23:59:59", "1 day 00:00:02"), "2000-01-02 00:00:01");
    assert_eq!(plus("infinity", "1 day"), "infinity");
    let end = timestamp_plus_interval(ts("294000-01-01"), span("1000 years"));
    assert_eq!(state(end), "22008");
    let diff = |a: &str, b: &str| timestamp_diff(ts(a), ts(b)).unwrap().to_string();
    assert_eq!(diff("2000-01-02 01:00:00", "2000-01-01"), "1 day 01:00:00");
    assert_eq!(diff("2000-01-01", "2000-01-02 01:00:00"), "-1 days -01:00:00");
    assert_eq!(
        time_plus_interval(parse_time("23:00").unwrap(), span("1 day 02:00")),
        MICROS_PER_HOUR
    );
}

#[test]
fn age_counts_as_people_do() {
    let between = |a: &str, b: &str| age(ts(a), ts(b)).unwrap().to_string();
    assert_eq!(between("2001-04-10", "1957-06-13"), "43 years 9 mons 27 days");
    assert_eq!(between("1957-06-13", "2001-04-10"), "-43 years -9 mons -27 days");
    assert_eq!(between("2000-03-01", "2000-01-31"), "1 mon 1 day");
    assert_eq!(between("2000-01-01 00:00:00", "1999-12-31 12:00:00"), "12:00:00");
}

#[test]
fn fields_of_points() {
    let field = |name: &str, t: &str| {
        let field = DateField::parse(name).unwrap();
        extract_timestamp(field, ts(t), false).unwrap().map(|v| v.to_string())
    };
    let at = "2001-02-16 20:38:40.12";
    let cases = [
        ("century", "21"),
        ("day", "16"),
        ("decade", "200"),
        ("dow", "5"),
        ("doy", "47"),
        ("epoch", "982355920.120000"),
        ("hour", "20"),
        ("isodow", "5"),
        ("isoyear", "2001"),
        ("microseconds", "40120000"),
        ("millennium", "3"),
        ("milliseconds", "40120.000"),
        ("minute", "38"),
        ("month", "2"),
        ("quarter", "1"),
        ("second", "40.120000"),
        ("week", "7"),
        ("year", "2001"),
        ("julian", "2451957.86018657407407407407"),
    ];
    for (name, expected) in cases {
        assert_eq!(field(name, at).unwrap(), expected, "{name}");
    }
    assert_eq!(field("year", "0044-01-01 BC").unwrap(), "-44");
    assert_eq!(field("century", "0101-12-31 BC").unwrap(), "-2");
    assert_eq!(field("decade", "0012-12-31 BC").unwrap(), "-2");
    assert_eq!(field("day", "infinity"), None);
    assert_eq!(field("epoch", "-infinity").unwrap(), "-Infinity");
    assert_eq!(state(extract_date(DateField::Hour, 0)), "0A000");
    assert_eq!(state(extract_time(DateField::Day, 0)), "0A000");
    assert_eq!(state(extract_timestamp(DateField::Timezone, 0, false)), "0A000");
    assert_eq!(state(DateField::parse_for("fortnight", &crate::DataType::Date)), "22023");
}

#[test]
fn fields_of_intervals() {
    let field = |name: &str, text: &str| {
        extract_interval(DateField::parse(name).unwrap(), span(text)).unwrap().to_string()
    };
    assert_eq!(field("epoch", "6 years"), "189345600.000000");
    assert_eq!(field("epoch", "1000000000 days"), "86400000000000.000000");
    assert_eq!(field("second", "-14 seconds"), "-14.000000");
    assert_eq!(field("hour", "999:00:00"), "999");
    assert_eq!(field("century", "-100 y"), "-1");
    assert_eq!(field("decade", "-99 y"), "-9");
    assert_eq!(state(extract_interval(DateField::Dow, span("1 day"))), "0A000");
}

#[test]
fn truncation_and_bins() {
    let trunc = |name: &str, t: &str| {
        show_ts(trunc_timestamp(DateField::parse(name).unwrap(), ts(t)).unwrap())
    };
    assert_eq!(trunc("week", "2004-02-29 15:44:17.71393"), "2004-02-23 00:00:00");
    assert_eq!(trunc("quarter", "2004-05-29 15:44:17"), "2004-04-01 00:00:00");
    assert_eq!(trunc("century", "0055-08-10 BC"), "0100-01-01 00:00:00 BC");
    assert_eq!(trunc("decade", "0002-12-31 BC"), "0011-01-01 00:00:00 BC");
    assert_eq!(trunc("millennium", "1970-03-20"), "1001-01-01 00:00:00");
    assert_eq!(trunc("hour", "1969-12-31 23:59:59"), "1969-12-31 23:00:00");
    assert_eq!(trunc("day", "infinity"), "infinity");
    assert_eq!(state(trunc_timestamp(DateField::Dow, 0)), "0A000");
    let interval = trunc_interval(DateField::Year, span("1 year 2 mons 3 days")).unwrap();
    assert_eq!(interval.to_string(), "1 year");
    let bin = |stride: &str, t: &str, origin: &str| {
        date_bin(span(stride), ts(t), ts(origin)).map(show_ts)
    };
    assert_eq!(
        bin("5 min", "2020-02-01 01:01:01", "2020-02-01 00:02:30").unwrap(),
        "2020-02-01 00:57:30"
    );
    assert_eq!(bin("15 days", "2020-02-11 15:44", "2021-01-01").unwrap(), "2020-02-06 00:00:00");
    assert_eq!(state(bin("1 month", "2020-02-01", "2020-01-01")), "0A000");
    assert_eq!(state(bin("0 days", "2020-02-01", "2020-01-01")), "22008");
}

#[test]
fn huge_fields_are_errors_not_overflows() {
    assert_eq!(state(parse_time("9223372036854775807:00")), "22008");
    assert_eq!(state(parse_timestamp("2000-01-01 2147483647:9999999999:1")), "22008");
    assert_eq!(state(parse_date("J9999999999")), "22008");
    assert_eq!(state(Interval::parse("9223372036854775807 hours")), "22015");
    let far = Interval::new(i32::MAX, i32::MAX, i64::MAX);
    assert_eq!(state(timestamp_plus_interval(0, Interval::new(0, i32::MAX, 0))), "22008");
    assert_eq!(state(timestamp_plus_interval(0, far)), "22008");
    assert_eq!(state(timestamp_minus_interval(0, Interval::new(i32::MIN, 0, 0))), "22008");
    assert_eq!(state(far.justify_interval()), "22008");
    assert_eq!(state(far.checked_mul(f64::NAN)), "22008");
}
