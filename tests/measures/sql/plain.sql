-- Each KPI as a person would write it in plain SQL, apart from src/: num / den is its value.
-- A block starts with its key; `charges` is the typed table.

-- total-billed-cost
SELECT sum(BilledCost) AS num, 1 AS den FROM charges;

-- total-effective-cost
SELECT sum(EffectiveCost) AS num, 1 AS den FROM charges;

-- total-contracted-cost
SELECT sum(ContractedCost) AS num, 1 AS den FROM charges;

-- total-list-cost
SELECT sum(ListCost) AS num, 1 AS den FROM charges;

-- charges
SELECT count(*) AS num, 1 AS den FROM charges;

-- spot-share
SELECT sum(CASE WHEN PricingCategory = 'Dynamic' THEN EffectiveCost ELSE 0 END) AS num, sum(EffectiveCost) AS den
FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND ServiceCategory = 'Compute'
  AND (CommitmentDiscountStatus IS NULL OR CommitmentDiscountStatus = 'Used');

-- refunds-and-credits:refunds
SELECT coalesce(sum(BilledCost), 0) AS num, 1 AS den FROM charges WHERE ChargeClass = 'Correction';

-- refunds-and-credits:credits
SELECT coalesce(sum(BilledCost), 0) AS num, 1 AS den FROM charges
WHERE ChargeCategory = 'Credit' AND ChargeClass IS NULL;

-- concentration:top-3-ServiceName
WITH services AS (SELECT ServiceName, sum(EffectiveCost) AS cost FROM charges GROUP BY ServiceName)
SELECT (SELECT sum(cost) FROM (SELECT cost FROM services ORDER BY cost DESC LIMIT 3)) AS num, sum(cost) AS den
FROM services;

-- effective-savings-rate-percentage:list
WITH usage AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL),
     priced AS (SELECT * FROM usage WHERE CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
                AND ListCost IS NOT NULL AND NOT (ListCost = 0 AND EffectiveCost > 0)),
     unused AS (SELECT coalesce(sum(EffectiveCost), 0) AS cost FROM usage WHERE CommitmentDiscountStatus = 'Unused')
SELECT sum(ListCost) - sum(EffectiveCost) - (SELECT cost FROM unused) AS num, sum(ListCost) AS den FROM priced;

-- effective-savings-rate-percentage:contracted
WITH usage AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL),
     priced AS (SELECT * FROM usage WHERE CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
                AND ContractedCost IS NOT NULL AND NOT (ContractedCost = 0 AND EffectiveCost > 0)),
     unused AS (SELECT coalesce(sum(EffectiveCost), 0) AS cost FROM usage WHERE CommitmentDiscountStatus = 'Unused')
SELECT sum(ContractedCost) - sum(EffectiveCost) - (SELECT cost FROM unused) AS num, sum(ContractedCost) AS den
FROM priced;

-- effective-savings-rate-percentage:commitments
WITH usage AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL),
     reach AS (SELECT * FROM usage WHERE ContractedCost IS NOT NULL
               AND NOT (ContractedCost = 0 AND EffectiveCost > 0)
               AND (CommitmentDiscountStatus = 'Used' OR (CommitmentDiscountStatus IS NULL AND x_KitEligible
                    AND PricingCategory IS DISTINCT FROM 'Dynamic'))),
     unused AS (SELECT coalesce(sum(EffectiveCost), 0) AS cost FROM usage WHERE CommitmentDiscountStatus = 'Unused')
SELECT sum(ContractedCost) - sum(EffectiveCost) - (SELECT cost FROM unused) AS num, sum(ContractedCost) AS den
FROM reach;

-- negotiated-savings-rate
SELECT sum(ListCost) - sum(ContractedCost) AS num, sum(ListCost) AS den FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
  AND ListCost IS NOT NULL AND ContractedCost IS NOT NULL
  AND (EffectiveCost <= 0 OR (ListCost <> 0 AND ContractedCost <> 0));

-- cost-without-list-price
SELECT sum(CASE WHEN ListCost IS NULL OR (ListCost = 0 AND EffectiveCost > 0) THEN EffectiveCost ELSE 0 END) AS num,
       sum(EffectiveCost) AS den
FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused';

-- cost-without-list-price:charges
SELECT count(*) AS num, 1 AS den FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
  AND (ListCost IS NULL OR (ListCost = 0 AND EffectiveCost > 0));

-- percent-of-compute-spend-covered-by-commitment-based-discounts:contracted
WITH reach AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
               AND ServiceCategory = 'Compute' AND ContractedCost IS NOT NULL
               AND NOT (ContractedCost = 0 AND EffectiveCost > 0)
               AND (CommitmentDiscountStatus = 'Used' OR (CommitmentDiscountStatus IS NULL AND x_KitEligible
                    AND PricingCategory IS DISTINCT FROM 'Dynamic')))
SELECT coalesce((SELECT sum(ContractedCost) FROM reach WHERE CommitmentDiscountStatus = 'Used'), 0) AS num,
       sum(ContractedCost) AS den FROM reach;

-- percent-of-compute-spend-covered-by-commitment-based-discounts:effective
WITH reach AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
               AND ServiceCategory = 'Compute'
               AND (CommitmentDiscountStatus = 'Used' OR (CommitmentDiscountStatus IS NULL AND x_KitEligible
                    AND PricingCategory IS DISTINCT FROM 'Dynamic')))
SELECT coalesce((SELECT sum(EffectiveCost) FROM reach WHERE CommitmentDiscountStatus = 'Used'), 0) AS num,
       sum(EffectiveCost) AS den FROM reach;

-- commitment-utilization-score
WITH held AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
              AND CommitmentDiscountStatus IS NOT NULL),
     one AS (SELECT count(*) = count(CommitmentDiscountQuantity)
             AND count(DISTINCT coalesce(CommitmentDiscountUnit, '')) = 1 AS unit FROM held)
SELECT sum(CASE WHEN CommitmentDiscountStatus = 'Used'
                THEN CASE WHEN one.unit THEN CommitmentDiscountQuantity ELSE EffectiveCost END ELSE 0 END) AS num,
       sum(CASE WHEN one.unit THEN CommitmentDiscountQuantity ELSE EffectiveCost END) AS den
FROM held, one;

-- commitment-utilization-score:effective
SELECT sum(EffectiveCost) FILTER (CommitmentDiscountStatus = 'Used') AS num, sum(EffectiveCost) AS den FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IN ('Used', 'Unused');

-- percentage-of-commitment-based-discount-waste
SELECT sum(EffectiveCost) FILTER (CommitmentDiscountStatus = 'Unused') AS num, sum(EffectiveCost) AS den FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IN ('Used', 'Unused');

-- consumption-versus-commitment
WITH held AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
              AND CommitmentDiscountStatus IN ('Used', 'Unused') AND CommitmentDiscountQuantity IS NOT NULL)
SELECT sum(CommitmentDiscountQuantity) FILTER (CommitmentDiscountStatus = 'Used') AS num,
       CASE WHEN count(DISTINCT CommitmentDiscountUnit) = 1 THEN sum(CommitmentDiscountQuantity) END AS den
FROM held;

-- allocation-accuracy-index-aai
SELECT sum(CASE WHEN coalesce(x_KitOwner, x_KitDepartment) IS NOT NULL AND x_KitShared IS NULL
                THEN EffectiveCost ELSE 0 END) AS num, sum(EffectiveCost) AS den
FROM charges WHERE ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL;

-- percentage-of-costs-associated-with-unallocated-csp-cloud-resources
SELECT sum(CASE WHEN coalesce(x_KitOwner, x_KitDepartment) IS NULL THEN EffectiveCost ELSE 0 END) AS num,
       sum(EffectiveCost) AS den
FROM charges WHERE ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL;

-- percentage-of-costs-associated-with-untagged-csp-cloud-resources
SELECT sum(CASE WHEN x_KitTagged THEN 0 ELSE EffectiveCost END) AS num, sum(EffectiveCost) AS den
FROM charges WHERE ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL;

-- percentage-of-costs-associated-with-untagged-csp-cloud-resources:taggable
SELECT sum(CASE WHEN x_KitTagged THEN 0 ELSE EffectiveCost END) AS num, sum(EffectiveCost) AS den
FROM charges WHERE ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL AND ResourceId IS NOT NULL;

-- percentage-of-csp-cloud-costs-that-are-tagging-policy-compliant
SELECT sum(CASE WHEN x_KitTagPolicyMet THEN EffectiveCost ELSE 0 END) AS num, sum(EffectiveCost) AS den
FROM charges
WHERE ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL AND x_KitTagPolicyMet IS NOT NULL;

-- percentage-of-unallocated-shared-csp-cloud-cost
SELECT sum(CASE x_KitShared WHEN 'undistributed' THEN EffectiveCost ELSE 0 END) AS num, sum(EffectiveCost) AS den
FROM charges WHERE ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL AND x_KitShared IS NOT NULL;

-- cost-per-gigabytes-stored
WITH storage AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
                 AND ServiceCategory = 'Storage' AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused')
SELECT sum(EffectiveCost) AS num,
       sum(ConsumedQuantity) FILTER (lower(ConsumedUnit) IN ('gb-months', 'gb-month', 'gb/month', 'gb months')) AS den
FROM storage;

-- cost-per-api-call
SELECT sum(EffectiveCost) AS num, sum(ConsumedQuantity) AS den FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND ConsumedUnit = 'Requests'
  AND (ServiceCategory = 'AI and Machine Learning' OR ServiceSubcategory = 'API Management'
       OR ServiceName LIKE '%API%');

-- token-consumption-metrics
SELECT sum(EffectiveCost) AS num, sum(ConsumedQuantity) AS den FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND ServiceCategory = 'AI and Machine Learning'
  AND ConsumedUnit = 'Tokens';

-- cache-hit-rate
SELECT sum(CASE WHEN SkuMeter LIKE '%Cache%' THEN ConsumedQuantity ELSE 0 END) AS num, sum(ConsumedQuantity) AS den
FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND ServiceCategory = 'AI and Machine Learning'
  AND ConsumedUnit = 'Tokens' AND SkuMeter LIKE '%Input%';

-- hourly-cost-per-cpu-core
SELECT sum(EffectiveCost) AS num,
       sum(CAST(x_KitCores AS DECIMAL(9, 2)) * CAST(ConsumedQuantity AS DECIMAL(19, 8))) AS den
FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
  AND ServiceCategory = 'Compute' AND ConsumedUnit = 'Hours' AND x_KitCores IS NOT NULL;

-- effective-average-compute-cost-per-core
WITH compute AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
                 AND ServiceCategory = 'Compute'),
     ran AS (SELECT * FROM compute WHERE CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
             AND ConsumedUnit = 'Hours' AND x_KitCores IS NOT NULL),
     unused AS (SELECT coalesce(sum(EffectiveCost), 0) AS cost FROM compute WHERE CommitmentDiscountStatus = 'Unused')
SELECT 730 * (sum(EffectiveCost) + (SELECT cost FROM unused)) AS num,
       sum(CAST(x_KitCores AS DECIMAL(9, 2)) * CAST(ConsumedQuantity AS DECIMAL(19, 8))) AS den
FROM ran;

-- auto-scaling-efficiency-rate:effective
WITH hourly AS (SELECT ServiceProviderName, SubAccountId, RegionId, SkuId, ChargePeriodStart AS hour,
                       sum(EffectiveCost) AS cost
                FROM charges
                WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND ServiceCategory = 'Compute'
                  AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused' AND ConsumedUnit = 'Hours'
                  AND ChargePeriodEnd - ChargePeriodStart = INTERVAL 1 HOUR
                GROUP BY ALL),
     peaks AS (SELECT max(cost) AS peak FROM hourly GROUP BY ServiceProviderName, SubAccountId, RegionId, SkuId)
SELECT (SELECT sum(peak) FROM peaks) * (SELECT date_diff('hour', min(hour), max(hour)) + 1 FROM hourly) AS num, sum(cost) AS den FROM hourly;

-- auto-scaling-efficiency-rate:list
WITH hourly AS (SELECT ServiceProviderName, SubAccountId, RegionId, SkuId, ChargePeriodStart AS hour,
                       sum(ListCost) AS cost
                FROM charges
                WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND ServiceCategory = 'Compute'
                  AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused' AND ConsumedUnit = 'Hours'
                  AND ChargePeriodEnd - ChargePeriodStart = INTERVAL 1 HOUR AND ListCost IS NOT NULL
                GROUP BY ALL),
     peaks AS (SELECT max(cost) AS peak FROM hourly GROUP BY ServiceProviderName, SubAccountId, RegionId, SkuId)
SELECT (SELECT sum(peak) FROM peaks) * (SELECT date_diff('hour', min(hour), max(hour)) + 1 FROM hourly) AS num, sum(cost) AS den FROM hourly;

-- percentage-of-legacy-resource
SELECT sum(CASE WHEN x_KitLegacy THEN EffectiveCost ELSE 0 END) AS num, sum(EffectiveCost) AS den FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
  AND x_KitLegacy IS NOT NULL;

-- csp-cloud-budget-burn-rate
WITH ends AS (SELECT CAST(min(x_KitPeriod) || '-01' AS DATE) AS first,
                     CAST(max(x_KitPeriod) || '-01' AS DATE) + INTERVAL 1 MONTH AS last FROM charges)
SELECT sum(BilledCost) AS num, (SELECT date_diff('day', first, CAST(last AS DATE)) FROM ends) AS den FROM charges;

-- cost-visibility-delay
SELECT date_diff('second', max(ChargePeriodEnd), TIMESTAMPTZ '2026-10-05 00:00:00+00') AS num, 86400 AS den
FROM charges
WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused';

-- percentage-of-normalized-queryable-data-within-repository
SELECT coalesce(sum(BilledCost), 0) AS num, 200 AS den FROM charges
WHERE InvoiceIssuerName = 'AWS' AND x_KitPeriod = '2026-09' AND BillingCurrency = 'USD';

-- saas-unit-cost
WITH sold AS (SELECT * FROM charges WHERE ChargeCategory = 'Usage' AND ChargeClass IS NULL
              AND CommitmentDiscountStatus IS DISTINCT FROM 'Unused'
              AND NOT regexp_matches(coalesce(x_KitPublisherName, ServiceProviderName),
                                     '(?i)amazon|aws|microsoft|azure|google|oracle'))
SELECT sum(EffectiveCost) AS num, CASE WHEN count(DISTINCT ConsumedUnit) = 1 THEN sum(ConsumedQuantity) END AS den
FROM sold;
