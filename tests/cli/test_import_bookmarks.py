"""`calotype import` of a browser's bookmarks: links once, in their folders, whatever else the export holds."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.cli.test_import import photo
from tests.running import PATIENCE, wait_for

EXPORT = f"""<!DOCTYPE NETSCAPE-Bookmark-file-1>
<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">
<TITLE>Bookmarks</TITLE>
<H1>Bookmarks</H1>
<DL><p>
    <DT><H3 PERSONAL_TOOLBAR_FOLDER="true">Bar</H3>
    <DL><p>
        <DT><A HREF="https://one.example/?a=1&amp;b=2" ADD_DATE="1" TAGS="red,{"y" * 51}">One</A>
        <DT><A HREF="javascript:alert(1)">Script</A>
        <DT><H3>TCP/IP</H3>
        <DL><p>
            <DT><A HREF="https://two.example">{"w" * 600}</A>
            <DD>Words
        </DL><p>
    </DL><p>
    <HR>
    <DT><A HREF="place:sort=8">Place</A>
    <DT><A HREF="HTTPS://ONE.example:443/?a=1&amp;b=2#top">One again</A>
    <DT><A HREF="http://">Nowhere</A>
</DL><p>
"""


@pytest.fixture
def owner(calotype, request):
    """A tenant of the test's own."""
    assert calotype("keys", "create", "test", "--tenant", request.node.name).returncode == 0
    return request.node.name


@pytest.fixture
def links(calotype, owner):
    """Looks for (URL, title, tags, state of the crawl, folder, folder above) of the tenant's links."""

    def look():
        return calotype.sql(
            "SELECT link.url, title, tags, crawl_status, folder.name, above.name FROM link "
            "JOIN asset ON asset.id = asset_id LEFT JOIN folder ON folder.id = folder_id "
            "LEFT JOIN folder AS above ON above.id = folder.parent_id "
            "WHERE link.tenant_id = (SELECT id FROM tenant WHERE name = %s) ORDER BY asset.created_at",
            owner,
        )

    return look


def test_an_export_becomes_links_and_again_changes_nothing(calotype, owner, links, tmp_path):
    """The summary counts bookmarks, names what failed and what was left out; the folders are those of the browser."""
    (tmp_path / "bookmarks.html").write_text(EXPORT)
    (tmp_path / "a.jpg").write_bytes(photo())
    arguments = ("import", str(tmp_path / "bookmarks.html"), str(tmp_path / "a.jpg"), "--tenant", owner)
    options = ("--tags", "all", "--mirror", "--folder", "Web")

    done = calotype(*arguments, *options, "--json")

    summary = json.loads(done.stdout)
    counts = [summary[name] for name in ("imported", "skipped", "failed", "ignored", "not_reached")]
    assert counts == [3, 1, 1, 2, 0], done.stderr
    assert summary["bytes"] == (tmp_path / "a.jpg").stat().st_size
    path = str(tmp_path / "bookmarks.html")
    assert summary["failures"] == [{"path": path, "url": "http://", "reason": "the URL has no host"}]
    assert [(note["path"], note["url"]) for note in summary["notes"]] == [(path, "https://one.example/?a=1&b=2")]
    assert "y" * 51 in summary["notes"][0]["note"]
    assert done.returncode == 1
    assert f"failed: {path}: http://: the URL has no host" in done.stderr
    expected = [
        ("https://one.example/?a=1&b=2", "One", ["all", "red"], "queued", "Bar", "Web"),
        ("https://two.example", "w" * 500, ["all"], "queued", "TCP-IP", "Bar"),
    ]
    assert links() == expected

    again = calotype(*arguments, "--no-crawl")

    assert again.stdout.startswith("4 skipped, 1 failed, 2 ignored in ")
    assert links() == expected


def test_links_can_be_saved_uncrawled_or_left_out(calotype, owner, links, tmp_path):
    """`--no-crawl` queues nothing; without `--mirror` all lie in one folder; `--only` leaves an export alone as one file."""
    (tmp_path / "b.html").write_text(EXPORT.replace("http://", "about:blank"))
    (tmp_path / "a.jpg").write_bytes(photo())
    arguments = ("import", str(tmp_path), "--tenant", owner, "--no-crawl", "--folder", "Web", "--json")

    left = calotype(*arguments, "--only", "images, videos,documents")

    assert left.returncode == 0
    assert {name: json.loads(left.stdout)[name] for name in ("imported", "ignored")} == {"imported": 1, "ignored": 1}
    assert links() == []
    only = calotype(*arguments, "--only", "links")
    assert only.returncode == 0
    assert {name: json.loads(only.stdout)[name] for name in ("imported", "ignored")} == {"imported": 2, "ignored": 4}
    assert [row[3:] for row in links()] == [("pending", "Web", None)] * 2
    jobs = "SELECT 1 FROM procrastinate_jobs JOIN asset ON args->>'asset_id' = asset.id::text WHERE tenant_id = "
    assert len(calotype.sql(f"{jobs}(SELECT id FROM tenant WHERE name = %s)", owner)) == 1


def test_an_import_of_many_bookmarks_that_is_killed_or_interrupted_goes_on(calotype, owner, links, tmp_path):
    """After kill -9 and after Ctrl-C, running it again ends with every link once."""
    count = 1500
    lines = (f'<DT><A HREF="https://many.example/{number}">{number}</A>' for number in range(count))
    (tmp_path / "many.html").write_text("<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<DL><p>" + "\n".join(lines) + "</DL>")
    arguments = ("import", str(tmp_path), "--tenant", owner, "--json")

    def begun():
        before = len(links())
        process = calotype.start(*arguments)
        wait_for(lambda: len(links()) > before, "the import did not begin")
        return process

    killed = begun()
    killed.kill()
    killed.communicate()
    interrupted = begun()
    os.killpg(interrupted.pid, signal.SIGINT)
    output, errors = interrupted.communicate(timeout=PATIENCE)
    assert interrupted.returncode == 130, errors
    assert "Traceback" not in errors
    summary = json.loads(output)
    assert summary["failed"] == summary["ignored"] == 0
    assert summary["imported"] + summary["skipped"] == count - summary["not_reached"] < count
    stopped_at = len(links())

    last = calotype(*arguments)

    summary = json.loads(last.stdout)
    assert (last.returncode, summary["imported"], summary["skipped"]) == (0, count - stopped_at, stopped_at)
    assert sorted(int(title) for _, title, *_ in links()) == list(range(count))


@pytest.mark.parametrize(("only", "told"), [("pictures", "pictures"), ("", "at least one"), ("links,x", "not x")])
def test_kinds_that_are_none_are_told(calotype, owner, tmp_path, one_clear_line, only, told):
    """One line, exit status 1, nothing imported."""
    (tmp_path / "b.html").write_text(EXPORT)
    done = calotype("import", str(tmp_path), "--only", only, "--tenant", owner)
    assert done.returncode == 1
    assert one_clear_line(done.stderr)
    assert told in done.stderr
