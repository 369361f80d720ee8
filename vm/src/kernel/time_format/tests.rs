//! PostgreSQL 15's results.

use super::*;
use arena_tr_types::time::parse_timestamp;

fn at(timestamp: &str, picture: &str) -> String {
    let parts = Parts::of_timestamp(parse_timestamp(timestamp).unwrap(), false);
    parts.print(&Picture::parse(picture)).unwrap()
}

#[test]
fn timestamps() {
    let t = "1997-02-10 17:32:01.4";
    for (picture, expected) in [
        (
            "DAY Day day DY Dy dy MONTH Month month RM MON Mon mon",
            "MONDAY    Monday    monday    MON Mon mon FEBRUARY  February  february  II   FEB Feb feb",
        ),
        (
            "FMDAY FMDay FMday FMMONTH FMMonth FMmonth FMRM",
            "MONDAY Monday monday FEBRUARY February february II",
        ),
        (
            "Y,YYY YYYY YYY YY Y CC Q MM WW DDD DD D J",
            "1,997 1997 997 97 7 20 1 02 06 041 10 2 2450490",
        ),
        (
            "FMY,YYY FMYYYY FMYYY FMYY FMY FMCC FMQ FMMM FMWW FMDDD FMDD FMD FMJ",
            "1,997 1997 997 97 7 20 1 2 6 41 10 2 2450490",
        ),
        ("HH HH12 HH24 MI SS SSSS", "05 05 17 32 01 63121"),
        (
            "\"HH:MI:SS is\" HH:MI:SS \"\\\"text between quote marks\\\"\"",
            "HH:MI:SS is 05:32:01 \"text between quote marks\"",
        ),
        ("YYYYTH YYYYth Jth", "1997TH 1997th 2450490th"),
        ("IYYY IYY IY I IW IDDD ID", "1997 997 97 7 07 043 1"),
        ("FMIYYY FMIYY FMIY FMI FMIW FMIDDD FMID", "1997 997 97 7 7 43 1"),
        ("A.M. AM a.m. am", "P.M. PM p.m. pm"),
        ("YYYY A.D. YYYY a.d. BC bc HH:MI:SS P.M.", "1997 A.D. 1997 a.d. AD ad 05:32:01 P.M."),
        ("FF1 FF3 MS US", "4 400 400 400000"),
        ("DDth FMDDth HH24:MI:SS.MS", "10th 10th 17:32:01.400"),
        ("YYYY-MM-DD\"T\"HH24:MI:SS", "1997-02-10T17:32:01"),
        ("W TZ TZH OF", "2  +00 +00"),
    ] {
        assert_eq!(at(t, picture), expected, "{picture}");
    }
    assert_eq!(at("0044-03-15 00:00:00 BC", "YYYY BC CC HH12"), "0044 BC -01 12");
    assert_eq!(at("2001-01-01", "FMDDth DDTH"), "1st 01ST");
}

#[test]
fn intervals() {
    let of = |text: &str, picture: &str| {
        Parts::of_interval(Interval::parse(text).unwrap()).print(&Picture::parse(picture))
    };
    assert_eq!(of("125 hours 3 min", "HH24:MI:SS").unwrap(), "125:03:00");
    assert_eq!(of("-1 hours", "HH24:MI").unwrap(), "-01:00");
    assert_eq!(of("1 year 2 mons 3 days", "YYYY MM DD").unwrap(), "0001 02 03");
    assert_eq!(of("-13 mons", "rm").unwrap(), "xii ");
    assert_eq!(of("-12 mons", "RM").unwrap(), "I   ");
    assert_eq!(of("0", "RM").unwrap(), "");
    assert!(of("1 day", "Month").is_err());
}

#[test]
fn times_of_the_same_unit_are_printed_alike() {
    let t = parse_timestamp("1997-02-10 17:32:01.456789").unwrap();
    for (picture, unit) in [
        ("YYYY-MM-DD", time::MICROS_PER_DAY),
        ("FMDay WW J TZ", time::MICROS_PER_DAY),
        ("HH12 AM", MICROS_PER_HOUR),
        ("HH24:MI", MICROS_PER_MINUTE),
        ("SSSS", MICROS_PER_SEC),
        ("FF2", 10_000),
        ("MS", 1_000),
        ("US", 1),
    ] {
        let parsed = Picture::parse(picture);
        assert_eq!(parsed.unit(), unit, "{picture}");
        let start = t - t.rem_euclid(unit);
        let print = |t| Parts::of_timestamp(t, false).print(&parsed).unwrap();
        assert_eq!(print(start), print(start + unit - 1), "{picture}");
        assert_ne!(print(start), print(start + unit), "{picture}");
    }
}
