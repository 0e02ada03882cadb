"""The story the product exists for, to be told over any servers."""

from tests.servers import answer


def goes_down_and_comes_back(product, website):
    """A website is watched, stops, is seen to be down and why, and comes back."""
    website.does(answer(200))
    pk = product.add(f"{website.url}/", check_frequency=3, request_timeout=5)
    product.wait_for_status(pk, "up")

    website.does(answer(500))
    down = product.wait_for_status(pk, "down")
    assert down["last_detail"] == "Answered 500 Internal Server Error, expected 200-299"

    website.does(answer(200))
    product.wait_for_status(pk, "up")
    [(cause, summary, resolution, kinds)] = product.sql(
        "SELECT cause, summary, resolution, array_agg(t.kind ORDER BY t.id) FROM incidents_incident i "
        "JOIN incidents_timelineentry t ON t.incident_id = i.id WHERE monitor_id = %s GROUP BY i.id",
        pk,
    )
    assert (cause, resolution, kinds) == ("status", "recovered", ["opened", "resolved"])
    assert summary == "Answered 500 Internal Server Error, expected 200-299"
    rows = product.sql(
        "SELECT from_status, to_status FROM incidents_transition WHERE NOT silent AND monitor_id = %s", pk
    )
    assert sorted(rows) == [("up", "down"), ("validating", "up")]
