//! PostgreSQL 15's results.

use super::*;

fn shown(input: &str, picture: &str) -> String {
    match read(input, picture) {
        Ok(timestamp) => {
            let mut out = String::new();
            time::push_timestamp(&mut out, timestamp);
            out
        }
        Err(error) => error.message,
    }
}

#[test]
fn timestamps() {
    for (input, picture, expected) in [
        ("0097/Feb/16 --> 08:14:30", "YYYY/Mon/DD --> HH:MI:SS", "0097-02-16 08:14:30"),
        ("97/2/16 8:14:30", "FMYYYY/FMMM/FMDD FMHH:FMMI:FMSS", "0097-02-16 08:14:30"),
        ("2011$03!18 23_38_15", "YYYY-MM-DD HH24:MI:SS", "2011-03-18 23:38:15"),
        ("1985 January 12", "YYYY FMMonth DD", "1985-01-12 00:00:00"),
        (
            "My birthday-> Year: 1976, Month: May, Day: 16",
            "\"My birthday-> Year:\" YYYY, \"Month:\" FMMonth, \"Day:\" DD",
            "1976-05-16 00:00:00",
        ),
        ("1,582nd VIII 21", "Y,YYYth FMRM DD", "1582-08-21 00:00:00"),
        (
            "15 \"text between quote marks\" 98 54 45",
            "HH24 \"\\\"text between quote marks\\\"\" YY MI SS",
            "1998-01-01 15:54:45",
        ),
        ("05121445482000", "MMDDHH24MISSYYYY", "2000-05-12 14:45:48"),
        ("2000January09Sunday", "YYYYFMMonthDDFMDay", "2000-01-09 00:00:00"),
        ("19971116", "YYYYMMDD", "1997-11-16 00:00:00"),
        ("20000-1116", "YYYY-MMDD", "20000-11-16 00:00:00"),
        ("1997 AD 11 16", "YYYY BC MM DD", "1997-11-16 00:00:00"),
        ("1997 BC 11 16", "YYYY BC MM DD", "1997-11-16 00:00:00 BC"),
        ("9-1116", "Y-MMDD", "2009-11-16 00:00:00"),
        ("95-1116", "YY-MMDD", "1995-11-16 00:00:00"),
        ("995-1116", "YYY-MMDD", "1995-11-16 00:00:00"),
        ("2005426", "YYYYWWD", "2005-10-15 00:00:00"),
        ("2005300", "YYYYDDD", "2005-10-27 00:00:00"),
        ("2005527", "IYYYIWID", "2006-01-01 00:00:00"),
        ("2011-12-18 11:38 PM", "YYYY-MM-DD HH12:MI PM", "2011-12-18 23:38:00"),
        ("2011-12-18 11:38 +05:20", "YYYY-MM-DD HH12:MI TZH:TZM", "2011-12-18 06:18:00"),
        ("2018-11-02 12:34:56.025", "YYYY-MM-DD HH24:MI:SS.MS", "2018-11-02 12:34:56.025"),
        ("2018-11-02 12:34:56.123456", "YYYY-MM-DD HH24:MI:SS.US", "2018-11-02 12:34:56.123456"),
        ("2457001", "J", "2014-12-09 00:00:00"),
        ("2016-02-30", "YYYY-MM-DD", "date/time field value out of range: \"2016-02-30\""),
        (
            "2016-06-13 25:00:00",
            "YYYY-MM-DD HH24:MI:SS",
            "date/time field value out of range: \"2016-06-13 25:00:00\"",
        ),
        (
            "2016-06-13 15:50:55",
            "YYYY-MM-DD HH:MI:SS",
            "hour \"15\" is invalid for the 12-hour clock",
        ),
        ("199711xy", "YYYYMMDD", "invalid value \"xy\" for \"DD\""),
        ("20100309", "YYYYMMDD", "2010-03-09 00:00:00"),
        ("", "YYYY", "0001-01-01 00:00:00 BC"),
    ] {
        assert_eq!(shown(input, picture), expected, "to_timestamp('{input}', '{picture}')");
    }
}
