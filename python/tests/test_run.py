"""Sandbox.run()."""

from guests import python


def test_a_program_runs_and_its_output_is_collected(sandbox):
    result = sandbox.run(python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert result.exit_code == 0
    assert (result.stdout, result.stderr) == (b"out\n", b"err\n")
