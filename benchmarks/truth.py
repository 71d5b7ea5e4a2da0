"""Try to make the writer lie with adversarial drafts, and count the texts with a fault.

python -m benchmarks.truth [TRIALS]    (100,000 by default; exit code 1 if any text has a fault)
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tqdm import tqdm

from evaluation.truth import draw_trial, find_faults, write_trial

SHOWN = 20


def main(arguments: Sequence[str]) -> int:
    """Run the trials, print the faulty texts, and return the exit code."""
    trials = int(arguments[0]) if arguments else 100_000
    faulty = 0
    for seed in tqdm(range(trials), mininterval=5.0):
        trial = draw_trial(seed)
        text = write_trial(trial)
        if faults := list(find_faults(trial, text)):
            faulty += 1
            if faulty <= SHOWN:
                print(f"seed {seed}: {'; '.join(faults)}\n  {trial.fields}\n  {trial.draft!r}\n  {text}")
    print(f"{faulty} of {trials} texts have a fault")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
