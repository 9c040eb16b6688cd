//! Why a rule refused: stable numbers, each with a name and a sentence.
//!
//! Numbers are recorded in leaves and never change their meaning. 1 to 99 leave **no leaf** (the
//! event cannot be attributed to a key in good standing); 100 and above are recorded.

macro_rules! rejections {
    ($($code:literal $variant:ident $name:literal $sentence:literal;)*) => {
        /// A rule's refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rejection {
            $(#[doc = $sentence] $variant,)*
        }

        impl Rejection {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Rejection] = &[$(Rejection::$variant,)*];

            /// The stable number.
            pub fn code(self) -> u16 {
                match self { $(Rejection::$variant => $code,)* }
            }

            /// The stable name, in snake case.
            pub fn name(self) -> &'static str {
                match self { $(Rejection::$variant => $name,)* }
            }

            /// What happened and what to do next.
            pub fn sentence(self) -> &'static str {
                match self { $(Rejection::$variant => $sentence,)* }
            }

            /// The refusal with this number.
            pub fn from_code(code: u16) -> Option<Rejection> {
                match code { $($code => Some(Rejection::$variant),)* _ => None }
            }
        }
    };
}

rejections! {
    1 MalformedEvent "malformed_event" "The bytes are not a signed event of version 0; build it with a current client.";
    2 EventTooLarge "event_too_large" "A signed event is at most 60,000 bytes; split the list into several events.";
    3 BadSignature "bad_signature" "The signature does not verify for this park; check that the client uses this park's id and its own key.";
    4 UnknownKey "unknown_key" "No role is registered for the key; ask the park's registrar to add it.";
    5 KeyRevoked "key_revoked" "The key was revoked; use the key that replaced it or ask the registrar for one.";
    6 WrongSequence "wrong_sequence" "The sequence is not the key's last recorded one plus 1; fetch the key's sequence and sign again.";
    7 SequenceUsed "sequence_used" "Another event of this key has this sequence already; one process per key, or rotate the key.";
    8 QuotaExceeded "quota_exceeded" "The key recorded its quota of events for this hour; wait for the next hour or put several items into one event.";
    9 OutcomeForgotten "outcome_forgotten" "The event's outcome is no longer kept; look it up in the log.";

    100 NotAllowed "not_allowed" "The key's role may not sign this action; use the key of the right role.";
    101 ListEmpty "list_empty" "The list has no items; send at least one.";
    102 ListTooLong "list_too_long" "A list has at most 1,000 items; split it into several events.";
    103 BadName "bad_name" "A name has 1 to 64 bytes without control characters; choose another.";
    104 NameTaken "name_taken" "The name is taken; choose another.";
    105 IdTaken "id_taken" "The id is taken; choose an unused one.";
    106 RegistryFull "registry_full" "The registry holds 10,000 of these; it takes no more.";
    107 UnknownParticipant "unknown_participant" "No participant has this id; register it first.";
    108 UnknownPoint "unknown_point" "No point has this id; look at the registry.";
    109 UnknownMeter "unknown_meter" "No meter has this id; look at the registry.";
    110 UnknownTariff "unknown_tariff" "No tariff of this id is in force at the interval; set it first.";
    111 KeyRefused "key_refused" "The key is not canonical, weak or not in the prime-order group; make a new one.";
    112 KeyTaken "key_taken" "The key is registered already; every role needs a key of its own.";
    113 KeyUnknown "key_unknown" "No such key is registered; look at the registry.";
    114 KeyAlreadyRevoked "key_already_revoked" "The key is revoked already; nothing is left to do.";
    115 LastRegistrar "last_registrar" "The last registrar key cannot be revoked; rotate it.";
    116 BadRotationProof "bad_rotation_proof" "The new key did not sign the rotation; sign it with both keys.";
    117 GateClosed "gate_closed" "The gate of the interval has closed; choose a later interval.";
    118 TariffInvalid "tariff_invalid" "The tariff does not cover every month and quarter of an hour with prices in bounds; correct it.";
    119 TermsInvalid "terms_invalid" "The prices are out of bounds or export is above feed-in; correct them.";
    120 FactorInvalid "factor_invalid" "The factor's name, source or figure is out of bounds; correct it.";
    121 RatingInvalid "rating_invalid" "A rated power must be above zero; give the rating from the type plate.";
    122 RegisterInvalid "register_invalid" "A register is not negative and below 2^53 Wh; check the unit.";
    123 MeterKindTaken "meter_kind_taken" "The point has a meter of this kind already; one register a kind.";
    124 MeteringMismatch "metering_mismatch" "The point is metered the other way: a connection meter or a load meter, never both.";

    125 RulesActive "rules_active" "The rules are in force already; what they cover cannot be moved.";
    126 KeyNotFrozen "key_not_frozen" "The key is not frozen; nothing is left to do.";
    127 RatioInvalid "ratio_invalid" "A transformer ratio's numerator and denominator are 1 to 100,000 each; give it from the type plate.";
    130 AffiliatesInvalid "affiliates_invalid" "A group has 2 to 64 members in ascending order, none of them in another group; correct it, or send none to dissolve it.";
    131 HaltInvalid "halt_invalid" "The halt ends before it begins, or 64 halts are in force; correct it or resume the market first.";
    132 NotHalted "not_halted" "The market is not halted at or after this interval; nothing is left to do.";
    133 PriceBoundsInvalid "price_bounds_invalid" "The floor is above the cap, or one of them not between 0 and 100 CNY/kWh; correct them.";
    134 PointCommitted "point_committed" "The point has orders or trades at or after this interval; end it later, or let the tenant cancel.";
    135 LaterAssignment "later_assignment" "The meter is assigned to another point from a later interval on already; give assignments in their order.";
    136 PointNotEnded "point_not_ended" "The point that the meter leaves would be without its meter; end that point first.";
    140 DelegationInvalid "delegation_invalid" "A delegation names 1 to 64 points in ascending order, energies above zero, an amount that is not negative and an end after its begin; correct it.";
    141 BadDelegationProof "bad_delegation_proof" "The delegated key did not sign the delegation; sign it with that key too.";
    142 TooManyDelegates "too_many_delegates" "You have delegated to 256 keys so far, ended ones included; use one of them, or the tenant's own key.";
    143 ScheduleInvalid "schedule_invalid" "A schedule has at most 32 entries, each with a weekday and a range of quarters within the day; correct it.";

    150 MarketInUse "market_in_use" "There are open orders or trades at or after this interval; change the mode from a later one.";
    151 TooManyModes "too_many_modes" "64 changes of the market's mode are in force or to come; wait until one has passed.";
    155 NotStartOfDay "not_start_of_day" "The rules begin with a local day; name its first interval.";
    160 CertificatesInactive "certificates_inactive" "The rules on certificates are not in force for this interval; choose a later one, or ask the registrar to activate them.";
    161 CertificatePolicyInvalid "certificate_policy_invalid" "A yield is 1 to 10,000 of 10,000, and at most 64 policies are in force or to come; correct it.";
    165 BoundaryKind "boundary_kind" "A boundary meter counts import or export; choose one of the two.";
    166 TooManyBoundaryMeters "too_many_boundary_meters" "A park has at most 16 boundary meters; replace one.";

    167 FinalRunsMissing "final_runs_missing" "Month closes rest on final runs, and none is in force at this interval; put final runs in force first.";
    168 MonthTermsMissing "month_terms_missing" "No terms of month closes are given at or before this interval; set them first.";
    169 MonthTermsInvalid "month_terms_invalid" "A demand price is 0 to 1,000 CNY/kW, a fee 0 to a million yuan, a VAT rate 0 to 10,000 basis points; correct them.";

    170 NodeIdInvalid "node_id_invalid" "A node's id is 1 to 2^53; choose another.";
    171 NodeIdTaken "node_id_taken" "A node has or had this id, and ids never come back; choose an unused one.";
    172 TooManyNodes "too_many_nodes" "A park has at most 64 members at a time and 1,024 nodes in its life; remove one first.";
    173 UnknownNode "unknown_node" "No node has this id; register it first.";
    174 NodeRemoved "node_removed" "The node was removed for good; register another under a new id and with new keys.";
    175 StandingUnchanged "standing_unchanged" "The node has this standing already; nothing is left to do.";
    176 LastVoter "last_voter" "The last voter cannot be removed or demoted; promote another node first.";
    177 TooManyVoters "too_many_voters" "A park has at most seven voters; remove or demote one first.";
    180 LogPolicyInvalid "log_policy_invalid" "The policy is longer than 16,384 bytes, not of one other log with a quorum of cosigners, or of a 65th log; take the one that the other park published.";
    181 CheckpointRefused "checkpoint_refused" "The note is longer than 8,192 bytes, no checkpoint of a log that the park follows, or not signed as that log's policy asks; fetch it again.";
    182 CheckpointNotNewer "checkpoint_not_newer" "A checkpoint of this size or a larger one is recorded; record a later one.";
    183 CheckpointInconsistent "checkpoint_inconsistent" "The proof does not lead from the recorded checkpoint to this one; make it from the recorded size, and keep the note if it cannot be made.";

    185 EvidenceTooLarge "evidence_too_large" "Evidence of more than 57,344 bytes is not recorded; keep the file, which proves as much by itself.";
    186 EvidenceProvesNothing "evidence_proves_nothing" "The bytes are no evidence about this park that holds; look at the file with wattle evidence verify.";
    187 EvidenceAboutStranger "evidence_about_stranger" "The key that signed twice was never registered here; look at whose it is.";
    188 EvidenceKnown "evidence_known" "Whom the evidence convicts is convicted by recorded evidence already; nothing is left to do.";
    189 EvidenceConvictsNobody "evidence_convicts_nobody" "No node of this park signed both heads; keep the file, and compare the copies with wattle log compare.";

    200 QuantityZero "quantity_zero" "The quantity is zero; order at least 1 Wh.";
    201 QuantityTooLarge "quantity_too_large" "The quantity is beyond what any order may have; check the unit (Wh).";
    202 PriceOutOfBounds "price_out_of_bounds" "The limit is not between 0 and 100 CNY/kWh; check the unit (micro-yuan per kWh).";
    203 NotYourPoint "not_your_point" "The point belongs to another participant; order for one of your own.";
    204 PointNotActive "point_not_active" "The point takes part from a later interval on; choose a later interval.";
    205 TooFarAhead "too_far_ahead" "The interval is more than eight days ahead; order later.";
    206 ExceedsCapacity "exceeds_capacity" "Your orders for this interval would exceed the point's rated power for a quarter of an hour; order less.";
    207 CrossesOwnOrder "crosses_own_order" "The order would meet an order of your own; cancel that first.";
    208 InsufficientCollateral "insufficient_collateral" "Your balance and credit do not cover the order; deposit, or order less.";
    209 TooManyOrders "too_many_orders" "You have 4,000 open orders; cancel some first.";
    210 UnknownOrder "unknown_order" "No open order of yours has this id, it was filled, expired or cancelled; list your open orders.";
    211 TooLateToCancel "too_late_to_cancel" "Orders are firm in the last five minutes before the gate; it can no longer be cancelled.";
    212 BeforeFirstInterval "before_first_interval" "The interval is before the park's first; choose a later one.";
    213 MinimumInvalid "minimum_invalid" "The minimum is below zero or above the quantity; correct it.";
    214 TooManyMinimums "too_many_minimums" "You have eight open orders with a minimum for this interval; cancel one or order without a minimum.";
    215 TooLateToWorsen "too_late_to_worsen" "Orders are firm in the last five minutes before the gate; only a greater quantity or a better limit is taken.";
    216 CrossesAffiliate "crosses_affiliate" "The order would meet an order of an affiliate of yours; change the limit or wait until that order is gone.";
    217 MarketHalted "market_halted" "The market is halted for this interval; choose another or wait until it is resumed.";
    218 OutsidePriceBounds "outside_price_bounds" "The limit is below the park's floor or above its cap for this interval; choose one between them.";
    219 PointEnded "point_ended" "The point has ended, or ends before this interval; choose an earlier one, or the point of the tenant that followed.";
    225 OutsideDelegation "outside_delegation" "The key may not order for this point or interval; use one of those it was given, or the tenant's own key.";
    226 DelegateOrderLimit "delegate_order_limit" "The order is larger than the key may place; order less, or use the tenant's own key.";
    227 DelegateDayLimit "delegate_day_limit" "The key's orders for this delivery day would exceed its energy or money; order less, or use the tenant's own key.";
    230 PositionTooLarge "position_too_large" "Your trades of one side for this interval would exceed 2^32 Wh; trade no more of it.";
    231 MinimumNotMet "minimum_not_met" "Less than the minimum would trade at once; order with a smaller minimum, at a better limit, or later.";
    232 BookFull "book_full" "The interval's book holds as many orders as it may; send an immediate order, or wait until there is room.";
    233 NotContinuous "not_continuous" "The interval has a call auction, and immediate orders are for continuous matching; place a plain order.";
    240 NoJointAuction "no_joint_auction" "The park holds no joint auction for this day; order interval by interval.";
    241 LegsInvalid "legs_invalid" "A bundle has 1 to 96 legs in ascending intervals of one local day; correct it.";
    242 BundleLimitInvalid "bundle_limit_invalid" "No prices let the bundle's legs come to its limit; check the unit (nano-yuan) and the sign.";
    243 JointAuctionOver "joint_auction_over" "The joint auction of the day is due or over; order interval by interval, or bundle for a later day.";
    244 TooManyBundles "too_many_bundles" "You have eight bundles for this day; cancel one first.";
    245 JointAuctionFull "joint_auction_full" "The day's joint auction holds 64 bundles and takes no more; order interval by interval.";
    246 NotJoint "not_joint" "The market is continuous in an interval of the bundle, which takes no part in the joint auction; leave it out.";
    247 UnknownBundle "unknown_bundle" "No open bundle of yours has this id, its auction was held or it was cancelled; list your bundles.";

    300 NotYourMeter "not_your_meter" "The key signs for another meter; use that meter's key.";
    301 ReadingFromFuture "reading_from_future" "The interval has not ended in park time; check the meter's clock.";
    302 ReadingTooOld "reading_too_old" "The interval is more than 40 days ago, or before the meter's first; it can no longer be settled.";
    303 RegisterRunsBackwards "register_runs_backwards" "The register is below an earlier one or above a later one; if the meter was replaced, register the new one.";
    304 RegisterJumps "register_jumps" "The register rose more than the meter's rating allows; check the unit and the rating.";
    305 ReadingContradicts "reading_contradicts" "Another register is recorded for this interval; a correction is a matter for the registrar.";

    306 AfterFinal "after_final" "The interval's last run is over or due; what remains is a dispute, which the registrar settles by postings.";
    307 KeyFrozen "key_frozen" "The key signed two registers for one interval, or two events with one sequence, and is frozen; ask the registrar to lift the freeze or to replace the meter.";
    308 NothingToCorrect "nothing_to_correct" "No register of the meter is recorded for this interval; let the meter send it.";
    309 LaterBreak "later_break" "The meter's register starts anew in a later interval already; give resets, replacements and ratios in their order.";

    400 AmountInvalid "amount_invalid" "The amount is not above zero and at most ten million yuan; check the unit (nano-yuan).";
    401 InsufficientFunds "insufficient_funds" "The free balance does not cover the withdrawal; wait for settlement or withdraw less.";
    402 AccountOverflow "account_overflow" "The account cannot hold the amount.";
    403 MonthNotClosed "month_not_closed" "The month is not closed with an invoice, or more than a year before the latest; choose another.";
    404 MonthBilled "month_billed" "The month has its utility bill already; reverse that first.";
    405 MonthNotBilled "month_not_billed" "The month has no utility bill; nothing is left to reverse.";
    406 BillInvalid "bill_invalid" "A bill's energies are 0 to 2^53 Wh and its amount at most a billion yuan either way; check the units.";
    407 NotWholeFen "not_whole_fen" "Only whole fen are paid out; round down to a multiple of 10,000,000 nano-yuan.";
    408 NotInDefault "not_in_default" "The balance is not below the credit limit, or the month cost the participant nothing; there is no debt to cover.";
    409 DefaultCovered "default_covered" "The participant's debt for this month was covered already; declare another month.";
    410 ParticipantInDefault "participant_in_default" "You are in default and place no orders; pay, and ask the treasurer to clear you.";
    411 DefaultNotDeclared "default_not_declared" "The participant is not in default; nothing is left to clear.";

    500 CertificateUnknown "certificate_unknown" "The holder has nothing of this certificate; list the certificates.";
    501 CertificateProvisional "certificate_provisional" "The interval's last run is still to come; wait until its certificates are final.";
    502 CertificateShort "certificate_short" "The holder has less of this certificate; name a smaller quantity.";
    503 CertificateQuantityInvalid "certificate_quantity_invalid" "The quantity is not above zero; name at least 1 Wh.";
    504 TransferToSelf "transfer_to_self" "The certificate is yours already; name another participant.";
    505 UseExceeded "use_exceeded" "The point's metered use of this interval that no certificate covers yet is smaller; name a smaller quantity or another point.";
    506 MonthNotRolledUp "month_not_rolled_up" "The month of this point is not rolled up or had no certificates; wait until all of it is final.";
    507 UnitsExceeded "units_exceeded" "Fewer units of the month are left, or their certificates have moved or ended; link fewer.";
    508 ExternalNumberTaken "external_number_taken" "The number is linked already; check it.";
    509 TooManyHolders "too_many_holders" "The certificate has 64 holders already; transfer it to one of them.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_lead_back() {
        for pair in Rejection::ALL.windows(2) {
            assert!(
                pair[0].code() < pair[1].code(),
                "{} is out of order",
                pair[1].name()
            );
        }
        for rejection in Rejection::ALL {
            assert_eq!(Rejection::from_code(rejection.code()), Some(*rejection));
            assert!(rejection.sentence().ends_with('.'));
        }
        assert_eq!(Rejection::from_code(0), None);
    }
}
