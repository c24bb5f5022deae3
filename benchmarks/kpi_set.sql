-- The KPI set as one statement, written by hand: <key>/num and <key>/den for each.
WITH scope AS NOT MATERIALIZED (SELECT * FROM charges /* WHERE */),
services AS (SELECT sum(EffectiveCost) AS cost FROM scope GROUP BY ServiceName),
hours AS (
    SELECT ServiceProviderName, SubAccountId, RegionId, SkuId, ChargePeriodStart AS hour, sum(EffectiveCost) AS cost
    FROM scope
    WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND ServiceCategory = 'Compute' AND ConsumedUnit = 'Hours'
      AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
      AND ChargePeriodEnd = ChargePeriodStart + INTERVAL 1 HOUR
    GROUP BY ALL),
peaks AS (SELECT max(cost) AS peak, sum(cost) AS cost, min(hour) AS first, max(hour) AS last FROM hours GROUP BY ServiceProviderName, SubAccountId, RegionId, SkuId),
scaling AS (
    SELECT (SELECT sum(peak) FROM peaks) * (SELECT date_diff('hour', min(first), max(last)) + 1 FROM peaks) AS num,
           (SELECT sum(cost) FROM peaks) AS den),
cores AS (  -- the product on the small result: casting a million decimals costs more than the whole statement
    SELECT CAST(x_KitCores AS DECIMAL(9, 2)) * CAST(sum(ConsumedQuantity) AS DECIMAL(28, 6)) AS hours FROM scope
    WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
      AND ServiceCategory = 'Compute' AND ConsumedUnit = 'Hours'
    GROUP BY x_KitCores),
top AS (SELECT sum(cost) AS num FROM (SELECT cost FROM services ORDER BY cost DESC LIMIT 3)),
flagged AS NOT MATERIALIZED (
    SELECT *, ChargeCategory = 'Usage' AND ChargeClass IS NULL AS usage,
           usage AND CommitmentDiscountStatus = 'Used' AS used,
           usage AND CommitmentDiscountStatus = 'Unused' AS unused,
           usage AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused' AS ran,
           ListCost IS NOT NULL AND NOT (ListCost = 0 AND EffectiveCost > 0) AS listed,
           ContractedCost IS NOT NULL AND NOT (ContractedCost = 0 AND EffectiveCost > 0) AS agreed,
           usage AND CommitmentDiscountStatus IS NULL AND x_KitEligible AND PricingCategory <> 'Dynamic' AS eligible,
           ServiceCategory = 'Compute' AS compute,
           ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL AS spent,
           coalesce(x_KitOwner, x_KitDepartment) IS NOT NULL AS owned
    FROM scope),
main AS (
    SELECT
        sum(BilledCost) AS billed, sum(EffectiveCost) AS effective, sum(ContractedCost) AS contracted,
        sum(ListCost) AS list, count(*) AS charges,
        sum(EffectiveCost) FILTER (ran AND compute) AS compute_cost,
        sum(EffectiveCost) FILTER (ran AND compute AND PricingCategory = 'Dynamic') AS spot_cost,
        sum(BilledCost) FILTER (ChargeClass = 'Correction') AS refunds,
        sum(BilledCost) FILTER (ChargeCategory = 'Credit' AND ChargeClass IS NULL) AS credits,
        sum(EffectiveCost) FILTER (unused) AS unused_cost,
        sum(EffectiveCost) FILTER (ran AND listed) AS paid_listed, sum(ListCost) FILTER (ran AND listed) AS listed_cost,
        sum(EffectiveCost) FILTER (ran AND agreed) AS paid_agreed,
        sum(ContractedCost) FILTER (ran AND agreed) AS agreed_cost,
        sum(EffectiveCost) FILTER ((used OR eligible) AND agreed) AS paid_reach,
        sum(ContractedCost) FILTER ((used OR eligible) AND agreed) AS reach,
        sum(ContractedCost) FILTER (ran AND listed AND agreed) AS both_agreed,
        sum(ListCost) FILTER (ran AND listed AND agreed) AS both_listed,
        sum(EffectiveCost) FILTER (ran AND NOT listed) AS not_listed, sum(EffectiveCost) FILTER (ran) AS ran_cost,
        count(*) FILTER (ran AND NOT listed) AS not_listed_rows,
        sum(ContractedCost) FILTER (used AND agreed AND compute) AS covered,
        sum(ContractedCost) FILTER ((used OR eligible) AND agreed AND compute) AS coverable,
        sum(EffectiveCost) FILTER (used AND compute) AS covered_effective,
        sum(EffectiveCost) FILTER ((used OR eligible) AND compute) AS coverable_effective,
        sum(CommitmentDiscountQuantity) FILTER (used) AS used_quantity,
        sum(CommitmentDiscountQuantity) FILTER (used OR unused) AS held_quantity,
        count(*) FILTER (used OR unused) AS held_rows,
        count(CommitmentDiscountQuantity) FILTER (used OR unused) AS held_with_quantity,
        min(CommitmentDiscountUnit) FILTER (used OR unused) AS first_unit,
        max(CommitmentDiscountUnit) FILTER (used OR unused) AS last_unit,
        sum(EffectiveCost) FILTER (used) AS used_cost, sum(EffectiveCost) FILTER (used OR unused) AS held_cost,
        sum(EffectiveCost) FILTER (spent) AS spent_cost,
        sum(EffectiveCost) FILTER (spent AND owned AND x_KitShared IS NULL) AS direct,
        sum(EffectiveCost) FILTER (spent AND NOT owned) AS unowned,
        sum(EffectiveCost) FILTER (spent AND NOT coalesce(x_KitTagged, false)) AS untagged,
        sum(EffectiveCost) FILTER (spent AND ResourceId IS NOT NULL) AS taggable,
        sum(EffectiveCost) FILTER (spent AND ResourceId IS NOT NULL AND NOT coalesce(x_KitTagged, false))
            AS taggable_untagged,
        sum(EffectiveCost) FILTER (spent AND x_KitTagPolicyMet) AS met,
        sum(EffectiveCost) FILTER (spent AND x_KitTagPolicyMet IS NOT NULL) AS judged,
        sum(EffectiveCost) FILTER (spent AND x_KitShared = 'undistributed') AS undistributed,
        sum(EffectiveCost) FILTER (spent AND x_KitShared IS NOT NULL) AS shared,
        sum(EffectiveCost) FILTER (ran AND ServiceCategory = 'Storage') AS storage_cost,
        sum(ConsumedQuantity) FILTER (ran AND ServiceCategory = 'Storage' AND ConsumedUnit IN ('GB-Months', 'GB-Mo'))
            AS stored,
        sum(EffectiveCost) FILTER (ran AND ConsumedUnit = 'Requests' AND (ServiceSubcategory = 'API Management'
            OR ServiceCategory = 'AI and Machine Learning' OR ServiceName LIKE '%API%')) AS call_cost,
        sum(ConsumedQuantity) FILTER (ran AND ConsumedUnit = 'Requests' AND (ServiceSubcategory = 'API Management'
            OR ServiceCategory = 'AI and Machine Learning' OR ServiceName LIKE '%API%')) AS calls,
        sum(EffectiveCost) FILTER (ran AND ServiceCategory = 'AI and Machine Learning' AND ConsumedUnit = 'Tokens')
            AS token_cost,
        sum(ConsumedQuantity) FILTER (ran AND ServiceCategory = 'AI and Machine Learning' AND ConsumedUnit = 'Tokens')
            AS tokens,
        sum(ConsumedQuantity) FILTER (ran AND ServiceCategory = 'AI and Machine Learning' AND ConsumedUnit = 'Tokens'
            AND lower(SkuMeter) LIKE '%cache%') AS cached,
        sum(ConsumedQuantity) FILTER (ran AND ServiceCategory = 'AI and Machine Learning' AND ConsumedUnit = 'Tokens'
            AND lower(SkuMeter) LIKE '%input%') AS input,
        sum(EffectiveCost) FILTER (ran AND compute AND ConsumedUnit = 'Hours' AND x_KitCores IS NOT NULL) AS core_cost,
        sum(EffectiveCost) FILTER (unused AND compute) AS unused_compute,
        sum(EffectiveCost) FILTER (ran AND x_KitLegacy) AS old,
        sum(EffectiveCost) FILTER (ran AND x_KitLegacy IS NOT NULL) AS generations,
        min(x_KitPeriod) AS first, max(x_KitPeriod) AS last,
        max(ChargePeriodEnd) FILTER (ran AND x_KitDelivery = 'd0') AS newest_0,
        max(ChargePeriodEnd) FILTER (ran AND x_KitDelivery = 'd1') AS newest_1
    FROM flagged)
SELECT
    billed AS "total-billed-cost/num", 1 AS "total-billed-cost/den",
    effective AS "total-effective-cost/num", 1 AS "total-effective-cost/den",
    contracted AS "total-contracted-cost/num", 1 AS "total-contracted-cost/den",
    list AS "total-list-cost/num", 1 AS "total-list-cost/den",
    charges AS "charges/num", 1 AS "charges/den",
    spot_cost AS "spot-share/num", compute_cost AS "spot-share/den",
    refunds AS "refunds-and-credits:refunds/num", 1 AS "refunds-and-credits:refunds/den",
    credits AS "refunds-and-credits:credits/num", 1 AS "refunds-and-credits:credits/den",
    (SELECT num FROM top) AS "concentration:top-3-ServiceName/num", effective AS "concentration:top-3-ServiceName/den",
    listed_cost - paid_listed - unused_cost AS "effective-savings-rate-percentage:list/num",
    listed_cost AS "effective-savings-rate-percentage:list/den",
    agreed_cost - paid_agreed - unused_cost AS "effective-savings-rate-percentage:contracted/num",
    agreed_cost AS "effective-savings-rate-percentage:contracted/den",
    reach - paid_reach - unused_cost AS "effective-savings-rate-percentage:commitments/num",
    reach AS "effective-savings-rate-percentage:commitments/den",
    both_listed - both_agreed AS "negotiated-savings-rate/num", both_listed AS "negotiated-savings-rate/den",
    not_listed AS "cost-without-list-price/num", ran_cost AS "cost-without-list-price/den",
    not_listed_rows AS "cost-without-list-price:charges/num", 1 AS "cost-without-list-price:charges/den",
    covered AS "percent-of-compute-spend-covered-by-commitment-based-discounts:contracted/num",
    coverable AS "percent-of-compute-spend-covered-by-commitment-based-discounts:contracted/den",
    covered_effective AS "percent-of-compute-spend-covered-by-commitment-based-discounts:effective/num",
    coverable_effective AS "percent-of-compute-spend-covered-by-commitment-based-discounts:effective/den",
    CASE WHEN held_rows = held_with_quantity AND first_unit = last_unit THEN used_quantity ELSE used_cost END
        AS "commitment-utilization-score/num",
    CASE WHEN held_rows = held_with_quantity AND first_unit = last_unit THEN held_quantity ELSE held_cost END
        AS "commitment-utilization-score/den",
    used_cost AS "commitment-utilization-score:effective/num", held_cost AS "commitment-utilization-score:effective/den",
    unused_cost AS "percentage-of-commitment-based-discount-waste/num",
    held_cost AS "percentage-of-commitment-based-discount-waste/den",
    direct AS "allocation-accuracy-index-aai/num", spent_cost AS "allocation-accuracy-index-aai/den",
    unowned AS "percentage-of-costs-associated-with-unallocated-csp-cloud-resources/num",
    spent_cost AS "percentage-of-costs-associated-with-unallocated-csp-cloud-resources/den",
    untagged AS "percentage-of-costs-associated-with-untagged-csp-cloud-resources/num",
    spent_cost AS "percentage-of-costs-associated-with-untagged-csp-cloud-resources/den",
    taggable_untagged AS "percentage-of-costs-associated-with-untagged-csp-cloud-resources:taggable/num",
    taggable AS "percentage-of-costs-associated-with-untagged-csp-cloud-resources:taggable/den",
    met AS "percentage-of-csp-cloud-costs-that-are-tagging-policy-compliant/num",
    judged AS "percentage-of-csp-cloud-costs-that-are-tagging-policy-compliant/den",
    undistributed AS "percentage-of-unallocated-shared-csp-cloud-cost/num",
    shared AS "percentage-of-unallocated-shared-csp-cloud-cost/den",
    storage_cost AS "cost-per-gigabytes-stored/num", stored AS "cost-per-gigabytes-stored/den",
    call_cost AS "cost-per-api-call/num", calls AS "cost-per-api-call/den",
    token_cost AS "token-consumption-metrics/num", tokens AS "token-consumption-metrics/den",
    cached AS "cache-hit-rate/num", input AS "cache-hit-rate/den",
    core_cost AS "hourly-cost-per-cpu-core/num", (SELECT sum(hours) FROM cores) AS "hourly-cost-per-cpu-core/den",
    730 * (core_cost + unused_compute) AS "effective-average-compute-cost-per-core/num",
    (SELECT sum(hours) FROM cores) AS "effective-average-compute-cost-per-core/den",
    (SELECT num FROM scaling) AS "auto-scaling-efficiency-rate:effective/num",
    (SELECT den FROM scaling) AS "auto-scaling-efficiency-rate:effective/den",
    old AS "percentage-of-legacy-resource/num", generations AS "percentage-of-legacy-resource/den",
    billed AS "csp-cloud-budget-burn-rate/num",
    date_diff('day', CAST(first || '-01' AS DATE), CAST(CAST(last || '-01' AS DATE) + INTERVAL 1 MONTH AS DATE))
        AS "csp-cloud-budget-burn-rate/den",
    greatest(date_diff('second', newest_0, TIMESTAMPTZ '2026-09-05 00:00:00+00'),
             date_diff('second', newest_1, TIMESTAMPTZ '2026-10-05 00:00:00+00'), 0) AS "cost-visibility-delay/num",
    86400 AS "cost-visibility-delay/den"
FROM main;
