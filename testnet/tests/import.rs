//! The CSV import: what it refuses, what runs and is flagged, and what comes out.

use std::fmt::Write;

use proptest::prelude::*;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::WattHours;
use wattle_testnet::import::{
    DAYS_MAX, FILE_BYTES_MAX, HEADER, ImportError, Imported, METERS_MAX, Stamps, read, read_stamped,
};
use wattle_testnet::profile::{MeterFlag, MeterKind, first_interval_of, park_time};

/// Start of a quarter hour of a July day, as a file writes it.
fn stamp(day: u64, quarter: u64) -> String {
    format!(
        "2016-07-{day:02}T{:02}:{:02}:00+08:00",
        quarter / 4,
        quarter % 4 * 15
    )
}

/// The interval of the same quarter hour.
fn interval(day: i8, quarter: u64) -> DeliveryInterval {
    first_interval_of(jiff::civil::date(2016, 7, day))
        .unwrap()
        .plus(quarter)
}

/// The lines of two whole days, 8 and 9 July, of a mill with a roof and an office without.
fn two_days() -> Vec<String> {
    let mut lines = Vec::new();
    for day in [8, 9] {
        for quarter in 0..96 {
            let at = stamp(day, quarter);
            let sun = if (28..68).contains(&quarter) {
                30_000
            } else {
                0
            };
            lines.push(format!("mill,North,load,{at},{}", 10_000 + quarter));
            lines.push(format!("mill,North,pv,{at},{sun}"));
            lines.push(format!("office,South,load,{at},4000"));
        }
    }
    lines
}

fn file(lines: &[String]) -> String {
    let mut text = HEADER.join(",");
    for line in lines {
        write!(text, "\n{line}").unwrap();
    }
    text + "\n"
}

fn import(lines: &[String]) -> Imported {
    read(file(lines).as_bytes(), "test", None).unwrap()
}

#[test]
fn two_whole_days_give_one_to_settle_and_one_to_forecast_from() {
    let imported = import(&two_days());
    assert_eq!(imported.flags, []);
    assert_eq!(imported.readings_cut_off, 0);
    let profile = imported.profile;
    assert_eq!(profile.first_interval, interval(9, 0));
    assert_eq!(profile.days(), 1);
    let points: Vec<_> = profile
        .points
        .iter()
        .map(|point| &point.participant[..])
        .collect();
    assert_eq!(points, ["mill", "office"]);
    let mill = profile.points[0].point;
    assert_eq!(
        profile.net_energy(mill, interval(8, 40)),
        Some(WattHours(30_000 - 10_040))
    );
}

/// Puts a bad line between good ones, and looks for a part of the reason that is given.
fn check_refused(line: &str, reason: &str) {
    let mut lines = two_days();
    lines.insert(10, line.to_owned());
    let error = read(file(&lines).as_bytes(), "test", None).unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, ImportError::Line { line: 12, .. }),
        "{line}: {text}"
    );
    assert!(
        text.starts_with("line 12: ") && text.contains(reason),
        "{line}: {text}"
    );
}

#[test]
fn a_line_with_another_number_of_fields_is_refused() {
    for (line, found) in [
        ("mill,North,load,2016-07-08T01:15:00+08:00", 4),
        ("mill,North,load,2016-07-08T01:15:00+08:00,1,2", 6),
        ("garbage", 1),
        (" ", 1),
    ] {
        check_refused(line, &format!("{found} field(s) instead of 5"));
    }
}

#[test]
fn a_malformed_name_or_meter_is_refused() {
    let long = format!("{},North,load", "x".repeat(65));
    for (names, reason) in [
        (",North,load", "participant \"\" is not a name"),
        ("mill,,load", "building \"\" is not a name"),
        ("mi/ll,North,load", "participant \"mi/ll\" is not a name"),
        (&long[..], "is not a name of 1 to 64"),
        ("mill,North,wind", "unknown meter \"wind\"; use load, pv"),
        ("mill,North,Load", "unknown meter \"Load\""),
        ("mill,North,", "unknown meter \"\""),
    ] {
        check_refused(&format!("{names},{},1", stamp(8, 5)), reason);
    }
}

#[test]
fn a_malformed_energy_is_refused() {
    let not_whole = "is not a whole number of watt-hours";
    let negative = "meter is negative; only pv may be";
    for (meter, energy, reason) in [
        ("load", "nan", not_whole),
        ("load", "NaN", not_whole),
        ("load", "inf", not_whole),
        ("load", "12.5", not_whole),
        ("load", "1e3", not_whole),
        ("load", "+7", not_whole),
        ("load", "0x10", not_whole),
        ("load", "-", not_whole),
        ("load", "", not_whole),
        ("load", "\u{ff11}", not_whole),
        ("load", "250000001", "is the unit right?"),
        ("pv", "-250000001", "is the unit right?"),
        ("load", "99999999999999999999", "is the unit right?"),
        ("load", "-1", negative),
        ("charge", "-1", negative),
        ("discharge", "-1", negative),
    ] {
        check_refused(
            &format!("mill,North,{meter},{},{energy}", stamp(8, 5)),
            reason,
        );
    }
}

#[test]
fn a_malformed_time_is_refused() {
    let no_quarter = "is not on a quarter hour";
    let no_time = "is not an RFC 3339 time with an offset";
    let other_era = "is not within the years 2000 to 2100";
    for (time, reason) in [
        ("2016-07-08T00:05:00+08:00", no_quarter),
        ("2016-07-08T00:15:00.5+08:00", no_quarter),
        ("2016-07-08T00:00:00+08:07", no_quarter),
        ("2016-07-08T00:15:00", no_time),
        ("2016-07-08", no_time),
        ("2016-02-30T00:00:00+08:00", no_time),
        ("2016-07-08T24:00:00+08:00", no_time),
        ("1467936000", no_time),
        ("", no_time),
        ("2016-07-08T00:00:00+08:00[Asia/Shanghai]", no_time),
        ("1970-01-01T00:00:00+08:00", other_era),
        ("2101-01-01T00:00:00+08:00", other_era),
    ] {
        check_refused(&format!("mill,North,load,{time},1"), reason);
    }
}

/// Lines are counted as an editor counts them, whatever ends them and whatever lies between.
#[test]
fn the_number_of_a_line_is_the_one_an_editor_shows() {
    let mut lines = two_days();
    lines.insert(10, "garbage".to_owned());
    let unix = file(&lines);
    let windows = unix.replace('\n', "\r\n");
    let marked = format!("\u{feff}{windows}");
    for text in [unix.clone(), windows, marked] {
        let error = read(text.as_bytes(), "test", None).unwrap_err().to_string();
        assert!(error.starts_with("line 12: "), "{error}");
    }
    // Two blank lines at the start and one in the middle are passed over, and counted.
    let blanks = format!("\n\n{}", unix.replacen("\noffice", "\n\noffice", 1));
    for text in [blanks.clone(), blanks.replace('\n', "\r\n")] {
        let error = read(text.as_bytes(), "test", None).unwrap_err().to_string();
        assert!(error.starts_with("line 15: "), "{error}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let mut bytes = file(&two_days()[..3]).into_bytes();
    bytes.extend(b"mi\xffll,North,load,2016-07-08T01:00:00+08:00,1\n");
    let error = read(&bytes, "test", None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 5: not UTF-8; save the file in that encoding"
    );
}

#[test]
fn a_file_without_the_header_is_refused_at_its_first_line() {
    let headless = two_days().join("\n");
    let error = read(headless.as_bytes(), "test", None)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("line 1: expected the header \"participant,building"),
        "{error}"
    );
}

#[test]
fn a_file_without_readings_is_refused() {
    for text in [
        "",
        "\n\n",
        "\u{feff}",
        "participant,building,meter,interval_start,watt_hours\n",
    ] {
        let error = read(text.as_bytes(), "test", None).unwrap_err();
        assert!(matches!(error, ImportError::Empty), "{text:?}: {error}");
    }
}

#[test]
fn a_forgotten_quotation_mark_is_refused_where_it_stands() {
    let mut lines = two_days();
    lines[4] = lines[4].replacen("mill", "\"mill", 1);
    let error = read(file(&lines).as_bytes(), "test", None)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("line 6: ") && error.len() < 300,
        "{error}"
    );
}

#[test]
fn the_order_of_lines_does_not_matter() {
    let lines = two_days();
    let expected = import(&lines);
    let reversed: Vec<String> = lines.iter().rev().cloned().collect();
    assert_eq!(import(&reversed), expected);
    let mut shuffled = lines;
    let count = shuffled.len();
    for position in 0..count {
        shuffled.swap(position, position * 7_919 % count);
    }
    assert_eq!(import(&shuffled), expected);
}

#[test]
fn byte_order_mark_line_ends_blanks_and_quotes_do_not_matter() {
    let lines = two_days();
    let expected = import(&lines);
    let windows = format!("\u{feff}{}", file(&lines).replace('\n', "\r\n"));
    assert_eq!(read(windows.as_bytes(), "test", None).unwrap(), expected);
    let spaced = file(&lines).replace(',', " ,\t");
    assert_eq!(read(spaced.as_bytes(), "test", None).unwrap(), expected);
    let quoted = file(&lines).replace("mill", "\"mill\"");
    assert_eq!(read(quoted.as_bytes(), "test", None).unwrap(), expected);
    let no_last_line_end = file(&lines);
    let no_last_line_end = no_last_line_end.trim_end();
    assert_eq!(
        read(no_last_line_end.as_bytes(), "test", None).unwrap(),
        expected
    );
}

#[test]
fn an_instant_is_the_same_whatever_offset_it_is_written_in() {
    let mut lines = two_days();
    let expected = import(&lines);
    let line = lines
        .iter_mut()
        .find(|line| line.contains("2016-07-09T10:00:00+08:00"))
        .unwrap();
    *line = line.replace("2016-07-09T10:00:00+08:00", "2016-07-09T02:00:00Z");
    assert_eq!(import(&lines), expected);
    *line_of(&mut lines, "2016-07-09T02:00:00Z") =
        format!("mill,North,load,2016-07-08T21:00-05:00,{}", 10_000 + 40);
    assert_eq!(import(&lines), expected);
}

fn line_of<'a>(lines: &'a mut [String], part: &str) -> &'a mut String {
    lines.iter_mut().find(|line| line.contains(part)).unwrap()
}

#[test]
fn a_repeated_interval_keeps_the_first_value_and_is_flagged() {
    let mut lines = two_days();
    let at = stamp(9, 4);
    lines.push(format!("office,South,load,{at},4000"));
    lines.push(format!("office,South,load,{at},9999"));
    let imported = import(&lines);
    let line = u64::try_from(lines.len()).unwrap();
    let flags: Vec<_> = imported
        .flags
        .iter()
        .map(|flag| (flag.line, flag.kind))
        .collect();
    let repeated = |differs| MeterFlag::Repeated {
        interval: interval(9, 4),
        differs,
    };
    assert_eq!(
        flags,
        [
            (Some(line), repeated(false)),
            (Some(line + 1), repeated(true))
        ]
    );
    let office = imported.profile.points[1].point;
    let meter = imported.profile.meter(office, MeterKind::Load).unwrap();
    assert_eq!(meter.energy[&interval(9, 4)], WattHours(4_000));
    assert_eq!(meter.flags, [repeated(false), repeated(true)]);
}

#[test]
fn a_repeated_local_hour_of_a_feed_without_daylight_saving_runs() {
    let mut lines = two_days();
    for quarter in 8..12 {
        lines.push(format!("mill,North,load,{},77", stamp(9, quarter)));
    }
    let imported = import(&lines);
    assert_eq!(imported.flags.len(), 4);
    assert_eq!(imported.profile.days(), 1);
}

#[test]
fn negative_generation_counts_as_zero_and_is_flagged() {
    let mut lines = two_days();
    let at = stamp(9, 1);
    *line_of(&mut lines, &format!("pv,{at}")) = format!("mill,North,pv,{at},-12");
    let imported = import(&lines);
    let mill = imported.profile.points[0].point;
    let meter = imported.profile.meter(mill, MeterKind::Pv).unwrap();
    assert_eq!(meter.energy[&interval(9, 1)], WattHours(0));
    let kind = MeterFlag::NegativeTakenAsZero {
        interval: interval(9, 1),
        found: -12,
    };
    assert_eq!(imported.flags.len(), 1);
    assert_eq!(imported.flags[0].kind, kind);
    let text = imported.flags[0].to_string();
    assert!(
        text.contains("pv of mill in North: -12 Wh at 2016-07-09 00:15 taken as 0"),
        "{text}"
    );
}

#[test]
fn a_gap_stays_open_and_is_flagged_once_with_its_length() {
    let lines: Vec<String> = two_days()
        .into_iter()
        .filter(|line| {
            let in_gap = ["T02:00", "T02:15", "T02:30"]
                .iter()
                .any(|part| line.contains(part));
            !(in_gap && line.contains("2016-07-09") && line.starts_with("office"))
        })
        .collect();
    let imported = import(&lines);
    let gap = MeterFlag::Gap {
        first: interval(9, 8),
        intervals: 3,
    };
    let flags: Vec<_> = imported
        .flags
        .iter()
        .map(|flag| (flag.line, flag.kind))
        .collect();
    assert_eq!(flags, [(None, gap)]);
    let office = imported.profile.points[1].point;
    assert_eq!(imported.profile.net_energy(office, interval(9, 8)), None);
}

#[test]
fn a_participant_in_two_buildings_has_two_points() {
    let mut lines = two_days();
    for quarter in 0..96 {
        lines.push(format!("mill,South,load,{},500", stamp(8, quarter)));
        lines.push(format!("mill,South,load,{},500", stamp(9, quarter)));
    }
    let profile = import(&lines).profile;
    assert_eq!(profile.participants.len(), 2);
    assert_eq!(profile.buildings.len(), 2);
    let points: Vec<_> = profile
        .points
        .iter()
        .map(|point| (point.point.0, &point.participant[..], point.building.0))
        .collect();
    assert_eq!(points, [(1, "mill", 1), (2, "mill", 2), (3, "office", 2)]);
}

#[test]
fn rated_power_is_the_greatest_quarter_hour_in_whole_kilowatts() {
    let profile = import(&two_days()).profile;
    let rated = profile.points[0].rated;
    // 10,095 Wh in a quarter hour are 40,380 W; 30,000 Wh are exactly 120 kW.
    assert_eq!((rated.load_watts, rated.pv_watts), (41_000, 120_000));
    assert_eq!((rated.charge_watts, rated.discharge_watts), (0, 0));
}

#[test]
fn a_last_day_that_has_hardly_begun_is_cut_off() {
    let mut lines = two_days();
    lines.push(format!("mill,North,load,{},1", stamp(10, 0)));
    let imported = import(&lines);
    assert_eq!(imported.readings_cut_off, 1);
    assert_eq!(imported.flags, []);
    assert_eq!(imported.profile.days(), 1);
}

#[test]
fn a_last_day_that_is_half_there_is_settled_with_its_gap() {
    let mut lines = two_days();
    for quarter in 0..48 {
        lines.push(format!("office,South,load,{},1", stamp(10, quarter)));
    }
    let imported = import(&lines);
    assert_eq!(imported.profile.days(), 2);
    let gaps: Vec<_> = imported.flags.iter().map(|flag| flag.kind).collect();
    let gap = |quarter, intervals| MeterFlag::Gap {
        first: interval(10, quarter),
        intervals,
    };
    assert_eq!(gaps, [gap(0, 96), gap(0, 96), gap(48, 48)]);
}

#[test]
fn a_single_day_is_settled_without_forecasts() {
    let lines: Vec<String> = two_days()
        .into_iter()
        .filter(|line| line.contains("2016-07-08"))
        .collect();
    let profile = import(&lines).profile;
    assert_eq!(profile.first_interval, interval(8, 0));
    assert_eq!(profile.days(), 1);
}

#[test]
fn days_are_counted_on_the_clock_the_file_is_written_in() {
    let lines: Vec<String> = two_days()
        .iter()
        .map(|line| line.replace("+08:00", "+02:00"))
        .collect();
    let imported = import(&lines);
    assert_eq!(imported.flags, []);
    assert_eq!(
        park_time(imported.profile.first_interval),
        "2016-07-09 06:00"
    );
}

#[test]
fn more_days_than_there_are_and_no_days_are_refused() {
    let text = file(&two_days());
    let error = read(text.as_bytes(), "test", Some(2))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("can settle 1 day(s), not 2; choose --days 1"),
        "{error}"
    );
    let error = read(text.as_bytes(), "test", Some(0)).unwrap_err();
    assert!(matches!(error, ImportError::NoDays));
}

#[test]
fn one_meter_too_many_is_refused_at_its_line() {
    let at = stamp(8, 0);
    let mut lines: Vec<String> = (0..METERS_MAX)
        .map(|number| format!("tenant{number},North,load,{at},1"))
        .collect();
    assert_eq!(import(&lines).profile.meters.len(), METERS_MAX);
    lines.push(format!("one more,North,load,{at},1"));
    let error = read(file(&lines).as_bytes(), "test", None)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("line 302: names meter number 301"),
        "{error}"
    );
}

#[test]
fn a_file_over_too_long_a_time_is_refused_at_its_latest_line() {
    let last = |day: &str| {
        vec![
            format!("mill,North,load,{day}T00:00:00+08:00,1"),
            "mill,North,load,2015-01-01T00:00:00+08:00,1".to_owned(),
        ]
    };
    // The first and the 400th day, then the first and the 401st.
    assert_eq!(DAYS_MAX, 400);
    import(&last("2016-02-04"));
    let error = read(file(&last("2016-02-05")).as_bytes(), "test", None)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("line 2: lies more than 400 days after"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let bytes = vec![b'x'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1];
    let error = read(&bytes, "test", None).unwrap_err();
    assert!(matches!(error, ImportError::TooLarge));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_under_the_header_are_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut file = HEADER.join(",").into_bytes();
        file.push(b'\n');
        file.extend(bytes);
        let _ = read(&file, "test", None);
    }

    #[test]
    fn one_changed_byte_is_read_or_refused_with_a_line(
        position in 0_usize..20_000,
        byte in any::<u8>(),
    ) {
        let mut bytes = file(&two_days()).into_bytes();
        let position = position % bytes.len();
        bytes[position] = byte;
        match read(&bytes, "test", None) {
            Ok(imported) => prop_assert!(imported.profile.days() >= 1),
            Err(error) => prop_assert!(error.to_string().starts_with("line "), "{}", error),
        }
    }
}

/// The quarter hours of two days as a feed writes that stamps their ends.
fn ends(midnight_of_yesterday: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for day in [8u64, 9] {
        for quarter in 1..=96 {
            let at = match quarter {
                96 if midnight_of_yesterday => stamp(day, 0),
                96 => stamp(day + 1, 0),
                quarter => stamp(day, quarter),
            };
            lines.push(format!("mill,North,load,{at},{}", 10_000 + quarter - 1));
        }
    }
    lines
}

#[test]
fn a_feed_that_stamps_ends_is_the_same_park_once_that_is_said() {
    let text = file(&ends(false));
    let imported = read_stamped(text.as_bytes(), "test", None, Stamps::End).unwrap();
    assert_eq!(imported.flags, []);
    let starts: Vec<String> = two_days()
        .into_iter()
        .filter(|line| line.starts_with("mill,North,load"))
        .collect();
    assert_eq!(imported.profile, import(&starts).profile);
    // Read as starts the same file is a quarter of an hour late, and its first quarter lacks.
    let unsaid = import(&ends(false));
    assert_eq!(unsaid.readings_cut_off, 1);
    assert!(unsaid.flags.iter().any(|flag| {
        let first = interval(8, 0);
        flag.kind
            == MeterFlag::Gap {
                first,
                intervals: 1,
            }
    }));
}

#[test]
fn midnight_with_yesterday_s_date_is_flagged_and_not_believed() {
    let text = file(&ends(true));
    let imported = read_stamped(text.as_bytes(), "test", None, Stamps::End).unwrap();
    // Each midnight says that it ended a day earlier: one before the first day, one again.
    let gaps: Vec<_> = imported
        .flags
        .iter()
        .filter_map(|flag| match flag.kind {
            MeterFlag::Gap { first, intervals } => Some((first, intervals)),
            _ => None,
        })
        .collect();
    assert!(gaps.contains(&(interval(7, 0), 95)), "{gaps:?}");
    assert!(gaps.contains(&(interval(9, 95), 1)), "{gaps:?}");
}

#[test]
fn an_hour_that_the_clock_skips_is_a_gap_only_for_who_does_not_say_the_offset() {
    // On the night of the change 02:00 is followed by 03:00 an hour of offset later: no gap.
    let line = |stamp: String| format!("mill,North,load,{stamp},1000");
    let time = |quarter: u64| format!("{:02}:{:02}:00", quarter / 4, quarter % 4 * 15);
    let night = |quarters: std::ops::Range<u64>, offset: &str| -> Vec<String> {
        let stamps = quarters.map(|quarter| format!("2016-03-27T{}{offset}", time(quarter)));
        stamps.map(line).collect()
    };
    let mut said = night(0..8, "+01:00");
    said.extend(night(12..96, "+02:00"));
    let imported = import(&said);
    let lacks = |imported: &Imported| -> Vec<u64> {
        let flags = imported.flags.iter();
        let gaps = flags.filter_map(|flag| match flag.kind {
            MeterFlag::Gap { intervals, .. } => Some(intervals),
            _ => None,
        });
        gaps.collect()
    };
    // The day has 92 quarters, so a day of 96 ends in the next one.
    assert_eq!(lacks(&imported), [4]);
    let last = imported.flags.last().unwrap().kind;
    let MeterFlag::Gap { first, .. } = last else {
        panic!("{last:?}")
    };
    assert_eq!(
        first,
        imported.profile.first_interval.plus(92),
        "at its end"
    );
    // Who goes on with one offset lacks the hour itself.
    let mut unsaid = night(0..8, "+01:00");
    unsaid.extend(night(12..96, "+01:00"));
    let imported = import(&unsaid);
    assert_eq!(lacks(&imported), [4]);
    let MeterFlag::Gap { first, .. } = imported.flags[0].kind else {
        panic!("{:?}", imported.flags)
    };
    assert_eq!(first, imported.profile.first_interval.plus(8));
}

#[test]
fn a_silent_correction_between_two_copies_is_told_by_its_line() {
    let first = two_days();
    let mut second = two_days();
    let at = stamp(9, 50);
    *line_of(&mut second, &format!("office,South,load,{at}")) =
        format!("office,South,load,{at},4001");
    let both = [first.clone(), second].concat();
    let imported = import(&both);
    let differing: Vec<_> = imported
        .flags
        .iter()
        .filter(|flag| matches!(flag.kind, MeterFlag::Repeated { differs: true, .. }))
        .collect();
    let [flag] = differing[..] else {
        panic!("{differing:?}")
    };
    let line = both
        .iter()
        .position(|line| line.ends_with(",4001"))
        .unwrap()
        + 2;
    assert_eq!(flag.line, Some(line as u64));
    assert_eq!(imported.flags.len(), first.len());
}

#[test]
fn zeros_of_a_load_meter_are_kept_and_flagged_from_an_hour_on() {
    let zeros = |quarters: std::ops::Range<u64>| {
        let mut lines = two_days();
        for quarter in quarters {
            let at = format!("office,South,load,{}", stamp(9, quarter));
            *line_of(&mut lines, &at) = format!("{at},0");
        }
        import(&lines)
    };
    assert_eq!(zeros(20..23).flags, []);
    let imported = zeros(20..26);
    let flags: Vec<_> = imported.flags.iter().map(|flag| flag.kind).collect();
    let first = interval(9, 20);
    assert_eq!(
        flags,
        [MeterFlag::Zeros {
            first,
            intervals: 6
        }]
    );
    let office = imported.profile.points[1].point;
    let net = imported.profile.net_energy(office, interval(9, 22));
    assert_eq!(net, Some(WattHours(0)));
    let text = imported.flags[0].to_string();
    assert!(
        text.contains("exactly 0 for 6 interval(s) from 2016-07-09 05:00, kept"),
        "{text}"
    );
}
