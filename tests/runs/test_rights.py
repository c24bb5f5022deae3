"""Who may see what: the file of rights, and stores that hold a viewer's rows alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.storing import NOW, charge, put

from helpers.data import companions, cut, open_charges
from helpers.data import store as stores
from helpers.runs import rights
from helpers.runs.rights import LOCAL, Rights, Rule, Viewer
from helpers.terms.errors import BadInput, Damaged, Refused, UsageError

ROOT = Path(__file__).resolve().parents[2]
ENV = os.environ | {"PYTHONPATH": str(ROOT / "src")}

# --- the file ---------------------------------------------------------------------------------------------------------

GOOD = """
groups:
  finance: [eva@x, ines@x]
rights:
  - user: ana@x
    departments: [Search, Checkout, Search]
  - group: finance
    departments: all
    notebooks: [practitioner_kpis]
  - group: engineers
    departments: ["0123"]
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "rights.yaml"


def test_the_first_entry_that_fits_decides(file):
    file.write_text(GOOD)
    found = rights.read(file)
    assert found.viewer("ana@x") == Viewer("ana@x", ("Checkout", "Search"))
    assert found.viewer("ana@x", ["finance"]).departments == ("Checkout", "Search"), "not the sum of both"
    eva = found.viewer("eva@x")
    assert (eva.departments, eva.notebooks) == (None, ("practitioner_kpis",))
    assert found.viewer("kim@x", ["engineers"]).departments == ("0123",)
    assert found.departments == ("0123", "Checkout", "Search")
    assert found.names == {"ana@x", "eva@x", "ines@x"}


@pytest.mark.parametrize(
    "name", ["", "kim@x", "ANA@x", "ana@x ", "ana@x,eva@x", "finance", "engineers", "local"]
)
def test_whoever_is_not_named_has_no_rights(file, name):
    file.write_text(GOOD)
    with pytest.raises(Refused) as refused:
        rights.read(file).viewer(name)
    assert "Checkout" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no entry under rights"),
        ("rights: []", "no entry under rights"),
        ("rights: ana", "is no list"),
        ("- user: ana", "no entry under rights"),
        ("rights:\n  - user: ana", "says nothing about departments"),
        ("rights:\n  - departments: all", "names nobody"),
        ("rights:\n  - {user: ana, group: b, departments: all}", "names user and group"),
        ("rights:\n  - {user: ana, departments: Checkout}", "a list of names"),
        ("rights:\n  - {user: ana, departments: []}", "a list of names"),
        ("rights:\n  - {user: ana, departments: [7]}", "names as text"),
        ("rights:\n  - {user: 7, departments: all}", "names as text"),
        ("rights:\n  - {user: ' ana', departments: all}", "names as text"),
        ("rights:\n  - {user: ana, departments: all, admin: yes}", "admin"),
        ("rights:\n  - {user: ana, departments: all}\nright: x", "right"),
        ("rights:\n  - {user: ana, departments: all}\n  - {user: ana, departments: [A]}", "twice"),
        ("rights:\n  - {user: ana, departments: all, departments: [A]}", "twice"),
        ("rights:\n  - {[user]: ana, departments: all}", "a key that is no name"),
        ("rights:\n  - {user: ana, departments: all}\ngroups: [a]", "no mapping"),
        ("rights:\n  - {user: ana, departments: all}\ngroups: {a: b}", "a list of names"),
        ("rights: !!python/object/apply:os.system ['true']", "no YAML"),
        ("rights: [", "no YAML"),
        ("rights: &a [*a]", "is ["),
    ],
)
def test_what_is_not_understood_lets_nobody_in(file, text, said):
    file.write_text(text)
    with pytest.raises(BadInput) as refused:
        rights.read(file)
    assert said in str(refused.value)
    assert str(file) in str(refused.value)


def test_a_file_that_is_not_there_or_no_text(file):
    with pytest.raises(BadInput, match="no such file"):
        rights.read(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        rights.read(file)


@given(
    st.lists(st.text(min_size=1, max_size=8), max_size=4),
    st.lists(st.text(min_size=1, max_size=8), max_size=4),
)
def test_equal_rights_have_one_scope_and_different_ones_two(one, other):
    a, b = Viewer("a", tuple(one)), Viewer("b", tuple(other))
    assert (a.scope == b.scope) == (set(one) == set(other))
    assert a.scope != LOCAL.scope == "all"
    assert all(d not in a.scope for d in one if len(d) > 3), "it names nobody"


def test_a_department_of_others_is_refused_in_a_sentence_that_names_ones_own():
    viewer = Viewer("ana", ("Checkout",), ("practitioner_kpis",))
    viewer.check({"department": "Checkout"})
    viewer.check({"department": ""})
    viewer.need("practitioner_kpis")
    with pytest.raises(UsageError, match="one of Checkout"):
        viewer.check({"department": "Search"})
    with pytest.raises(Refused, match="for you"):
        viewer.need("finance_forecasting")
    LOCAL.check({"department": "Search"})
    LOCAL.need("finance_forecasting")


# --- the store --------------------------------------------------------------------------------------------------------

SECRET = "searchlight"  # in every text of the other department
MINE = {
    "SubAccountId": "co-1",
    "ResourceId": "co-web",
    "ServiceName": "Compute",
    "SkuId": "s1",
    "x_KitFile": "a.csv",
}
THEIRS = {
    "SubAccountId": f"{SECRET}-1", "SubAccountName": f"{SECRET} prod", "ResourceId": f"{SECRET}-db", "x_KitFile": f"{SECRET}.csv",
    "ServiceName": f"{SECRET} service", "SkuId": f"{SECRET}-sku", "ChargeDescription": SECRET, "RegionId": SECRET,
}  # fmt: skip
NOBODYS = {"SubAccountId": "no-1", "ResourceId": f"{SECRET}-unowned", "x_KitFile": "a.csv"}
TABLES = {
    "allocation": f"match_on,match_value,owner,department\nSubAccountId,co-1,Ana,Checkout\nSubAccountId,{SECRET}-1,Kofi {SECRET},{SECRET}\n",
    "budgets": f"month,department,amount,currency\n2026-09,,999,USD\n2026-09,Checkout,10,USD\n2026-09,{SECRET},989,USD\n",
    "invoices": f"issuer,period,currency,total\n{SECRET},2026-09,USD,1234.5\n",
    "contracts": f"contract_id,vendor,start,end,currency\nc1,{SECRET},2026-01-01,2026-12-31,USD\n",
    "teams": f"team,department\nCart,Checkout\nIndex,{SECRET}\n",
    "targets": "kpi,target\nx,1\n",
    "sources": f"source,provider\naws,AWS\n{SECRET},AWS\n",
    "actions": f"action,opened,resource_id,promised_a_month,currency,status\nr,2026-09-01,co-web,1,USD,open\nr,2026-09-01,{SECRET}-db,2,USD,open\n",
    "calendar": f"start,end,kind,name,scope\n2026-09-01,2026-09-02,holiday,Day,*\n2026-09-01,2026-09-02,launch,L,Checkout;{SECRET}\n2026-09-01,2026-09-02,launch,{SECRET},{SECRET}\n",
    "products": f"product,match_on,match_value\nCart,ResourceId,co-web\nIndex {SECRET},ResourceId,{SECRET}-db\nBoth,x_KitSource,aws\n",
    "drivers": f"day,product,driver,value,unit\n2026-09-01,Cart,orders,3,1\n2026-09-01,Index {SECRET},hits,4,1\n2026-09-01,Both,hits,4,1\n",
    "shared_cost_rules": f"rule,match_on,match_value,basis,department\nnet,ServiceName,Compute,even,Checkout\nnet,ServiceName,Compute,even,{SECRET}\n",
    "skus": f"sku_id,cores\ns1,2\n{SECRET}-sku,4\n",
    "exchange_rates": "day,from_currency,to_currency,rate,source\n2026-09-01,EUR,USD,1.1,x\n",
    "tag_policy": f"tag_key,allowed_values\nteam,cart|{SECRET}\n",
    "carbon_budget": f"month,department,amount,unit\n2026-09,{SECRET},5,kgCO2e\n",
}  # fmt: skip


def companion(store: Path, folder: Path, name: str, text: str, day=date(2026, 10, 5)) -> None:
    path = folder / f"{name}.csv"
    path.write_text(text)
    table = companions.read(path, name)
    stores.write_table(store, name, table, day, companions.details(path, table), now=NOW)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Three deliveries of two departments and of nobody: one corrected, one on top; then sixteen companion tables."""
    folder = tmp_path_factory.mktemp("whole")
    store = folder / "store"
    first = [charge(cost="10", **MINE), charge(cost="700.135724", **THEIRS), charge(cost="30", **NOBODYS)]
    put(store, folder, [*first, charge("2026-08", "5", **MINE)], day=date(2026, 10, 5))
    put(
        store,
        folder,
        [charge(cost="11", **MINE), charge(cost="701.246835", **THEIRS)],
        day=date(2026, 10, 9),
        declared=("2026-09",),
    )
    put(
        store,
        folder,
        [charge(cost="0.5", **MINE), charge(cost="2.864297", **THEIRS)],
        day=date(2026, 10, 12),
        append=True,
    )
    put(
        store,
        folder,
        [charge(cost="900.975386", account="b9", **THEIRS)],
        source=SECRET,
        day=date(2026, 10, 13),
    )
    for name, text in TABLES.items():
        companion(store, folder, name, text)
    return store


@pytest.fixture(scope="module")
def mine(whole, tmp_path_factory) -> Path:
    """What a viewer of Checkout is given."""
    return rights.scoped(whole, Viewer("ana", ("Checkout",)), tmp_path_factory.mktemp("scoped"))


def part(store: Path, folder: Path, *departments: str) -> Path:
    """The cut, in this process: half the time of `rights.scoped`."""
    return cut.cut(store, departments, folder / f"cut-{len(list(folder.glob('cut-*')))}")


def billed(store: Path, day=None, department="") -> Decimal:
    charges = open_charges(store, day, threads=1)
    if department:
        charges = charges.filter(charges.x_KitDepartment == department)
    return charges.BilledCost.sum().execute() or Decimal(0)


@pytest.mark.parametrize(
    "day", [None, date(2026, 10, 5), date(2026, 10, 9), date(2026, 10, 11), date(2026, 10, 12)]
)
def test_the_cut_is_the_departments_part_on_every_day(whole, mine, day):
    assert billed(mine, day) == billed(whole, day, "Checkout")
    assert stores.reconcile(mine, day).exact


def test_the_cut_is_a_whole_store_and_says_of_whom(mine):
    assert stores.verify(mine, deep=True).files > 0
    assert cut.departments(mine) == ("Checkout",)
    assert cut.departments(mine.parent) is None
    found = open_charges(mine).select("x_KitDepartment", "x_KitOwner").distinct().execute()
    assert found.to_numpy().tolist() == [["Checkout", "Ana"]]


def test_nothing_of_others_stands_in_any_byte_of_it(mine):
    """Parquet pages are compressed, so every file is read, and the rest searched as it is."""
    import pyarrow.parquet as pq

    files = [p for p in mine.rglob("*") if p.is_file()]
    assert files
    for path in files:
        assert SECRET not in path.name
        raw = path.read_bytes()
        assert SECRET.encode() not in raw, path
        if path.suffix == ".parquet":
            assert SECRET not in str(pq.read_table(path).to_pylist()), path
    for total in (b"135724", b"246835", b"864297", b"975386"):
        assert not any(total in p.read_bytes() for p in files if p.suffix == ".json"), total


def test_what_stays_of_the_companion_tables(whole, mine):
    held = {n: t.num_rows for n in stores.table_names(mine) if (t := stores.read_table(mine, n)) is not None}
    assert held == {
        "allocation": 1, "budgets": 1, "teams": 1, "targets": 1, "sources": 1, "actions": 1, "calendar": 2, "products": 2,
        "drivers": 1, "skus": 1, "exchange_rates": 1, "tag_policy": 1,
    }  # fmt: skip
    assert stores.read_table(mine, "tag_policy").to_pylist()[0]["allowed_values"] == cut.NOTHING
    assert [r["scope"] for r in stores.read_table(mine, "calendar").to_pylist()] == ["*", "Checkout"]
    assert stores.table_record(mine, "budgets").details["rows"] == 1


def test_the_record_of_deliveries_counts_the_viewers_rows_alone(mine):
    frame = stores.deliveries(mine)
    assert set(frame["source"]) == {"aws"}
    assert [Decimal(v) for v in frame["BilledCost_after"]] == [
        Decimal(5),
        Decimal(10),
        Decimal(11),
        Decimal("11.5"),
    ]
    snapshot = stores.snapshot(mine)
    assert [
        f["rows"] for d in snapshot["deliveries"] for f in d["files"]
    ] == []  # `storing` names no source file of these
    assert SECRET not in json.dumps(snapshot)


def test_several_departments_and_one_without_charges(whole, tmp_path):
    both = part(whole, tmp_path, "Checkout", SECRET)
    assert billed(both) == billed(whole) - billed_without_owner(whole)
    with pytest.raises(Refused, match="no charges of your departments") as refused:
        rights.scoped(whole, Viewer("c", ("Growth",)), tmp_path)
    assert SECRET not in str(refused.value)
    assert "Checkout" not in str(refused.value)
    with pytest.raises(Refused, match="no charges of your departments"):
        rights.scoped(whole, Viewer("d", ()), tmp_path)
    assert not list(tmp_path.glob(".*.part"))


def billed_without_owner(store: Path) -> Decimal:
    charges = open_charges(store, threads=1)
    return charges.filter(charges.x_KitDepartment.isnull()).BilledCost.sum().execute() or Decimal(0)


def test_all_rights_are_the_store_itself(whole, tmp_path):
    assert rights.scoped(whole, LOCAL, tmp_path) == whole.resolve()
    assert not list(tmp_path.iterdir())


def test_made_once_for_equal_rights_and_anew_for_a_new_version(tmp_path):
    store = tmp_path / "store"
    put(store, tmp_path, [charge(cost="1", SubAccountId="a"), charge(cost="2", SubAccountId="b")])
    folder = tmp_path / "scoped"
    one = rights.scoped(store, Viewer("ana", ("a", "b")), folder)
    stamp = (one / "kit.json").stat().st_mtime_ns
    assert rights.scoped(store, Viewer("eva", ("b", "a")), folder) == one
    assert (one / "kit.json").stat().st_mtime_ns == stamp
    put(store, tmp_path, [charge("2026-10", "4", SubAccountId="a")], day=date(2026, 11, 5))
    other = rights.scoped(store, Viewer("ana", ("a", "b")), folder)
    assert other != one
    assert billed(other) == Decimal(7)
    assert billed(one) == Decimal(3), "who began on the earlier one reads it to the end"
    assert rights.tidy(folder, store, older_than=3600) == 0
    assert rights.tidy(folder, store, older_than=-1) == 1
    assert [p for p in folder.iterdir() if p.is_dir()] == [other]
    assert folder.stat().st_mode & 0o077 == 0


def test_another_store_in_its_place_is_another_version(tmp_path):
    found = []
    for n, cost in enumerate(("1", "2")):
        store = tmp_path / str(n)
        put(store, tmp_path / f"s{n}", [charge(cost=cost)])
        found.append(rights.version(store))
    assert len(set(found)) == 2


def test_rules_that_change_move_the_rows(tmp_path):
    store = tmp_path / "store"
    put(store, tmp_path, [charge(cost="1", SubAccountId="a"), charge(cost="2", SubAccountId="b")])
    companion(
        store,
        tmp_path,
        "allocation",
        "match_on,match_value,owner,department\nSubAccountId,a,A,One\nSubAccountId,b,B,Two\n",
    )
    assert billed(part(store, tmp_path, "One")) == Decimal(1)
    companion(
        store,
        tmp_path,
        "allocation",
        "match_on,match_value,owner,department\nSubAccountId,b,A,One\n",
        date(2026, 10, 9),
    )
    again = part(store, tmp_path, "One")
    assert billed(again) == Decimal(2)
    assert billed(again, date(2026, 10, 6)) == Decimal(2), "rights are those of today, on every day"


def test_a_compacted_and_vacuumed_store_is_cut_as_before(tmp_path):
    store = tmp_path / "store"
    for n, cost in enumerate(("1", "2", "4")):
        put(
            store,
            tmp_path / str(n),
            [charge(cost=cost, SubAccountId="a"), charge(cost="64", SubAccountId="b")],
            day=date(2026, 10, 5 + n),
            append=n > 0,
        )
    before = {d: billed(store, d, "a") for d in (None, date(2026, 10, 5), date(2026, 10, 6))}
    stores.compact(store, now=NOW)
    made = part(store, tmp_path, "a")
    assert (
        {d: billed(made, d) for d in before}
        == before
        == {None: 7, date(2026, 10, 5): 1, date(2026, 10, 6): 3}
    )
    stores.vacuum(store, date(2026, 11, 1), now=NOW)
    made = part(store, tmp_path, "a")
    assert billed(made) == Decimal(7)
    assert stores.reconcile(made).exact
    with pytest.raises(Refused, match="removed by"):
        billed(made, date(2026, 10, 5))


def test_digits_beyond_18_places_reconcile_in_the_cut_too(tmp_path):
    path = tmp_path / "focus.csv"
    path.write_text(
        "BillingAccountId,BillingAccountName,BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,"
        "ChargePeriodEnd,ChargeCategory,ServiceProviderName,InvoiceIssuerName,ServiceName,ServiceCategory,SubAccountId,"
        "BilledCost,EffectiveCost,ContractedCost,ListCost\n"
        + "".join(
            f"p,P,USD,2026-09-01T00:00:00Z,2026-10-01T00:00:00Z,2026-09-02T00:00:00Z,2026-09-03T00:00:00Z,Usage,AWS,AWS,"
            f"S,Compute,{a},{c},1,1,1\n"
            for a, c in (("a", "0.1234567890123456789"), ("b", "5.0000000000000000007"))
        )
    )
    store = tmp_path / "store"
    done = subprocess.run(
        [sys.executable, "-m", "helpers", "ingest", str(path), "--to", str(store)],
        env=ENV,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = part(store, tmp_path, "a")
    reconciled = stores.reconcile(made)
    assert reconciled.exact
    assert [(r.column, r.count, r.amount) for r in reconciled.residue] == [
        ("BilledCost", 1, Decimal("-1E-19"))
    ]


def test_a_damaged_file_is_said_and_nothing_is_left(tmp_path):
    store = tmp_path / "store"
    put(store, tmp_path, [charge(SubAccountId="a"), charge(SubAccountId="b")])
    file = next((store / "charges" / "data").rglob("*.parquet"))
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(Damaged):
        rights.scoped(store, Viewer("v", ("a",)), tmp_path / "s")
    assert [p for p in (tmp_path / "s").iterdir() if p.is_dir()] == []


def test_several_at_once_make_one(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    store = tmp_path / "store"
    put(store, tmp_path, [charge(SubAccountId="a"), charge(SubAccountId="b")])
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(lambda n: rights.scoped(store, Viewer(f"v{n}", ("a",)), tmp_path / "s"), range(4))
        )
    assert len(set(made)) == 1
    assert [p for p in (tmp_path / "s").iterdir() if p.is_dir()] == [made[0]]


def test_the_caller_stays_without_a_database(tmp_path):
    """A batch forks its reports: no engine may have been loaded by the making of a store."""
    store = tmp_path / "store"
    put(store, tmp_path, [charge(SubAccountId="a"), charge(SubAccountId="b")])
    code = (
        "import sys; from pathlib import Path; from helpers.runs import rights; from helpers.runs.rights import Viewer\n"
        f"rights.scoped(Path({str(store)!r}), Viewer('v', ('a',)), Path({str(tmp_path / 's')!r}))\n"
        "assert not {'duckdb', 'pyarrow', 'deltalake', 'pandas'} & sys.modules.keys(), 'loaded'"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENV, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_new_companion_table_is_left_out_until_it_is_known_whose_its_rows_are():
    class Whole:
        mine = frozenset({"Checkout"})

    rows = [
        {"department": "Checkout", "x": 1},
        {"department": None, "x": 2},
        {"department": "Search", "x": 3},
    ]
    assert cut.cut_rows("new_one", rows, ["department", "x"], Whole(), frozenset()) == rows[:1]
    assert cut.cut_rows("new_one", rows, ["x"], Whole(), frozenset()) == []
    assert cut.treatment("new_one", ["x"]) == "left out"


def test_the_documentation_says_of_every_table_what_stays():
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    for name, table in companions.TABLES.items():
        line = f"| {name} | {cut.treatment(name, [f.name for f in table.fields])} |"
        assert line in text, line


def test_rights_in_python():
    found = Rights((Rule("ana", "", None, None),))
    assert found.viewer("ana").scope == "all"


def test_the_sample_company_cut_is_its_departments_whatever_is_asked(larkspur, tmp_path):
    """Owners that change, tags, policy, SKUs, use: each as in the whole store, for these departments, on each day."""
    mine = ("Checkout", "Search")
    made = part(larkspur, tmp_path, *mine)

    def asked(store, day):
        charges = open_charges(store, day, threads=2)
        charges = charges.filter(charges.x_KitDepartment.isin(mine))
        by = [
            "x_KitPeriod",
            "x_KitDepartment",
            "x_KitOwner",
            "ServiceName",
            "x_KitTagPolicyMet",
            "x_KitLegacy",
            "x_KitTier",
            "x_KitEligible",
        ]
        found = charges.aggregate(
            by=by, rows=charges.count(), billed=charges.BilledCost.sum(), effective=charges.EffectiveCost.sum(), cores=charges.x_KitCores.sum(),
        )  # fmt: skip
        return sorted(map(str, found.to_pyarrow().to_pylist()))

    for day in (None, date(2026, 9, 20)):
        assert asked(made, day) == asked(larkspur, day)
        assert stores.reconcile(made, day).exact
    assert open_charges(made).x_KitDepartment.nunique().execute() == 2
    from helpers.data import usage

    whole, own = usage.open_usage(larkspur), usage.open_usage(made)
    assert 0 < own.count().execute() < whole.count().execute()
    resources = open_charges(made).select("ResourceId").distinct().execute()["ResourceId"].dropna()
    assert usage.match(own, resources).unmatched == (), (
        "every measured resource is in the viewer's own charges"
    )
    departments = stores.read_table(made, "budgets").to_pandas()["department"]
    assert set(departments) == set(mine)
