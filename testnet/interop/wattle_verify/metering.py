"""Readings, corrections, registers that start anew, and the energy of a meter (RULES.md, section 7)."""

from . import formats as f
from . import market
from .ed25519 import key_accepted
from .rules import (
    DAY,
    MAX_RATIO,
    MAX_REGISTER,
    ORDER_HORIZON,
    QUARTER,
    READING_HORIZON,
    RETENTION,
    WEEK,
    final_run_due,
    name_valid,
    require,
)


class Contradiction(Exception):
    """A meter's key signed two registers for one interval; `row` is what the ledger keeps of it."""

    def __init__(self, row):
        super().__init__("two registers for interval %d" % row.interval)
        self.row = row


class Segment:
    """A part of a meter's register between two breaks. `last` is None while nothing has ended it."""

    def __init__(self, at, start, ratio, last=None):
        self.at, self.start, self.ratio, self.last = at, start, ratio, last

    def energy(self, register):
        """The energy since the segment's start."""
        numerator, denominator = self.ratio
        return register * numerator // denominator - self.start * numerator // denominator

    def holds(self, register):
        """Whether a register can be one of this segment."""
        return self.start <= register and (self.last is None or register <= self.last)


def segment_at(segments, interval):
    """The segment that a register at the end of an interval is in."""
    return next(one for one in reversed(segments) if one.at <= interval)


def cumulative(segments, interval, register):
    """The cumulative energy of a register at the end of an interval."""
    here = segment_at(segments, interval)
    ended = segments[: segments.index(here)]
    return sum(one.energy(one.last) for one in ended) + here.energy(register)


def check_rise(meter, distance, rise):
    """A register rises, and no more than the rating allows."""
    require(rise >= 0, 303)
    require(rise <= largest_rise(meter, distance), 304)


def largest_rise(meter, distance):
    """What a meter's rating allows within so many intervals."""
    return max(1, meter.rated // 4) * distance * 105 // 100 + 1


class Metering:
    """The part of the ledger that deals with registers."""

    def segments(self, number, extra=None):
        """The segments of a meter's register, in order; `extra` is a break that is tried, as (interval, row)."""
        rows = {at: self.state.get(f.T_BREAKS, number, at) for at in self.break_starts(number)}
        if extra is not None:
            rows[extra[0]] = extra[1]
        segments = [Segment(-1, 0, f.RATIO(1, 1))]
        for at, row in sorted(rows.items()):
            segments[-1].last = row.last
            segments.append(Segment(at, row.start, row.ratio))
        return segments

    def break_starts(self, number):
        """The intervals of a meter's breaks, in order."""
        return self.state.starts.get((f.T_BREAKS, (number,)), [])

    def cumulative_at(self, number, interval):
        """The cumulative energy at the end of an interval, or None without a register."""
        register = self.state.get(f.T_READINGS, number, interval)
        if register is None or not self.break_starts(number):
            return register
        return cumulative(self.segments(number), interval, register)

    def has_final_run(self, interval):
        """Whether an interval has a final run."""
        course = self.state.get(f.T_COURSE)
        return course is not None and interval >= course.start

    def final_due(self, interval):
        """When an interval's final run is due."""
        return final_run_due(interval, self.genesis.utc_offset)

    def last_run_ahead(self, interval):
        """Whether an interval's last run is neither due nor over."""
        if self.has_final_run(interval):
            return self.time < self.final_due(interval)
        return interval >= self.next_settlement

    def submit_reading(self, author, number, reading):
        require(not self.is_frozen(author), 307)
        meter = self.meter(number)
        require(meter is not None, 109)
        interval, register = reading
        require((interval + 1) * QUARTER <= self.time, 301)
        require(interval >= meter.start and interval + READING_HORIZON >= self.time // QUARTER, 302)
        final = self.has_final_run(interval)
        require(not final or self.time < self.final_due(interval), 306)
        require(0 <= register <= MAX_REGISTER, 122)
        known = self.state.get(f.T_CORRECTED, interval, number)
        if known is None:
            known = self.state.get(f.T_READINGS, number, interval)
        if known is not None:
            if known != register and final:
                raise Contradiction(f.FROZEN(number, interval, known, register))
            require(known == register, 305)
            return
        self.check_register(meter, interval, register)
        self.state.put(f.T_READINGS, (number, interval), register)

    def forget_past(self):
        """Lets go of registers and certificates that no rule can ask for any more (section 7, *What is kept*)."""
        course = self.state.get(f.T_COURSE)
        open_from = min(self.time // QUARTER - READING_HORIZON, self.next_settlement)
        if course is not None:
            open_from = min(open_from, course.next_final)
        horizon = max(0, max(0, open_from) - RETENTION)
        for interval, point in [key for key in self.state.rows[f.T_CERTIFICATES] if key[0] < horizon]:
            self.state.remove(f.T_CERTIFICATES, (interval, point))
        if horizon // DAY == self.kept_from:
            return
        self.kept_from = horizon // DAY
        days = {}
        for meter, interval in self.state.rows[f.T_READINGS]:
            if interval // DAY < self.kept_from:
                days.setdefault((meter, interval // DAY), []).append(interval)
        latest = dict(sorted(days))
        for meter, day in days:
            if day < latest[meter]:
                for interval in days[meter, day]:
                    self.state.remove(f.T_READINGS, (meter, interval))

    def freeze(self, author, contradiction):
        """Freezes a key that contradicted itself; gives the fact."""
        row = contradiction.row
        self.state.put(f.T_FROZEN, (author,), row)
        fact = (row.meter, author, row.interval, row.recorded, row.claimed)
        return None, (f.KEY_FROZEN, fact)

    def check_register(self, meter, interval, register):
        """A register lies within its segment and between its neighbors."""
        segments = self.segments(meter.id)
        require(segment_at(segments, interval).holds(register), 303)
        energy = cumulative(segments, interval, register)
        rises = []
        before = self.state.at_or_before(f.T_READINGS, meter.id, interval - 1)
        after = self.state.at_or_after(f.T_READINGS, meter.id, interval + 1)
        if before is not None:
            rises.append((interval - before, energy - self.cumulative_at(meter.id, before)))
        if after is not None:
            rises.append((after - interval, self.cumulative_at(meter.id, after) - energy))
        require(all(rise >= 0 for _, rise in rises), 303)
        for distance, rise in rises:
            require(rise <= largest_rise(meter, distance), 304)

    def correct_reading(self, event, record, index, fields):
        number, interval, register, reason = fields
        meter = self.meter(number)
        require(meter is not None, 109)
        require(name_valid(reason), 103)
        require((interval + 1) * QUARTER <= self.time, 301)
        require(interval >= meter.start and interval + READING_HORIZON >= self.time // QUARTER, 302)
        require(self.last_run_ahead(interval), 306)
        require(0 <= register <= MAX_REGISTER, 122)
        known = self.state.get(f.T_READINGS, number, interval)
        require(known is not None, 308)
        if known == register:
            return []
        self.check_register(meter, interval, register)
        self.state.put(f.T_READINGS, (number, interval), register)
        if self.state.get(f.T_CORRECTED, interval, number) is None:
            self.state.put(f.T_CORRECTED, (interval, number), known)
        return [
            (self.owner_of_meter(meter, interval), (f.READING_CORRECTED, (number, interval, known, register)))
        ]

    def owner_of_meter(self, meter, interval):
        """The participant of the point that a meter measures in an interval; the park for one of its boundary."""
        if self.state.get(f.T_BOUNDARY, meter.id) is not None:
            return None
        return self.state.get(f.T_POINTS, self.measured_point(meter, interval)).participant

    # Breaks.

    def reset_register(self, event, record, index, fields):
        number, interval, last, start = fields
        return self.restart(number, interval, last, start, None)

    def set_ratio(self, event, record, index, fields):
        number, interval, register, ratio = fields
        return self.restart(number, interval, register, register, ratio)

    def replace_meter(self, event, record, index, fields):
        require(key_accepted(fields.key), 111)
        require(self.key_unused(fields.key), 112)
        facts = self.restart(fields.meter, fields.interval, fields.last, fields.start, fields.ratio)
        for (key,), row in list(self.state.rows[f.T_KEYS].items()):
            if row.role == (f.METER_ROLE, fields.meter):
                self.end_key(key, index)
        self.put_key(fields.key, (f.METER_ROLE, fields.meter), index)
        table = f.T_METERS if self.state.get(f.T_METERS, fields.meter) else f.T_BOUNDARY
        row = self.state.get(table, fields.meter)._replace(key=fields.key)
        self.state.put(table, (fields.meter,), row)
        return facts

    def restart(self, number, interval, last, start, ratio):
        """Ends a segment of a meter's register in the course of an interval; gives the fact."""
        meter = self.meter(number)
        require(meter is not None, 109)
        now = self.time // QUARTER
        require(interval >= meter.start and interval + READING_HORIZON >= now, 302)
        require(interval <= now + ORDER_HORIZON, 205)
        require(self.last_run_ahead(interval), 306)
        require(0 <= last <= MAX_REGISTER and 0 <= start <= MAX_REGISTER, 122)
        if ratio is None:
            ratio = segment_at(self.segments(number), interval).ratio
        require(all(1 <= part <= MAX_RATIO for part in ratio), 127)
        require(self.state.at_or_after(f.T_BREAKS, number, interval + 1) is None, 309)
        row = f.BREAK(last, start, ratio)
        segments = self.segments(number, extra=(interval, row))
        require(last >= segments[-2].start, 303)
        intervals = self.state.starts[f.T_READINGS, (number,)]
        before = self.state.at_or_before(f.T_READINGS, number, interval - 1)
        around = [(at, self.state.get(f.T_READINGS, number, at)) for at in intervals if at >= before]
        require(all(segment_at(segments, at).holds(register) for at, register in around), 303)
        energies = [(at, cumulative(segments, at, register)) for at, register in around]
        for (left, low), (right, high) in zip(energies, energies[1:]):
            check_rise(meter, right - left, high - low)
        self.state.put(f.T_BREAKS, (number, interval), row)
        fact = (number, interval, last, start, *ratio)
        return [(self.owner_of_meter(meter, interval), (f.REGISTER_RESTARTED, fact))]

    # The energy of a meter.

    def actual_energy(self, number, interval):
        """The difference of the registers at an interval's two ends, or None."""
        after = self.cumulative_at(number, interval)
        before = self.cumulative_at(number, interval - 1)
        return None if after is None or before is None else after - before

    def energy(self, meter, interval):
        """The energy of a meter in an interval, and whether it is actual."""
        actual = self.actual_energy(meter.id, interval)
        if actual is not None:
            return actual, True
        before = self.state.at_or_before(f.T_READINGS, meter.id, interval - 1)
        after = self.state.at_or_after(f.T_READINGS, meter.id, interval)
        if before is not None and after is not None:  # a known gap
            gap = range(before + 1, after + 1)
            total = self.cumulative_at(meter.id, after) - self.cumulative_at(meter.id, before)
            weights = {at: self.actual_energy(meter.id, at - WEEK) or 0 for at in gap}
            if not any(weights.values()):
                weights = dict.fromkeys(gap, 1)
            return market.share(total, weights)[interval], False
        if meter.kind in (f.GENERATION, f.DISCHARGE, f.EXPORT):
            return 0, False
        week = [self.actual_energy(meter.id, interval - day * DAY) for day in range(1, 8)]
        week = [energy for energy in week if energy is not None]
        return (max(week) if week else meter.rated // 4), False
