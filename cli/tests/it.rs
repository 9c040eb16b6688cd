//! The `wattle` command from outside: what it prints, what it writes, and how it ends.

#![allow(clippy::unwrap_used)]

mod it {
    mod cut;
    mod day;
    mod evidence;
    mod exports;
    mod founding;
    mod keys;
    mod parks;
    mod program;
    mod rules;
    mod settled;
    mod usage;
    mod verification;
    mod witness;
}
