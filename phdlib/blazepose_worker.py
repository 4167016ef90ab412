"""What runs inside the detector's own environment: frames come in by a pipe, landmarks go out as lines.

Started by :mod:`phdlib.blazepose` as a file, with a Python that has mediapipe and no phdlib, which this may not import.
Arguments: width and height. Input: frames of width * height * 3 bytes, RGB. Output: "ready", then one line of JSON per
frame, null or 33 times [x, y, visibility], x and y in pixels.
"""

import json
import os
import sys


def main() -> None:
    width, height = (int(argument) for argument in sys.argv[1:3])
    # mediapipe's native part writes to the standard output what it likes: what is ours goes to a copy of it.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    import numpy as np
    from mediapipe.python.solutions.pose import Pose

    size = width * height * 3
    with Pose(model_complexity=1) as pose:  # the "full" model, the one that the wheel holds; the rest as it comes
        print("ready", file=answers)
        while len(frame := sys.stdin.buffer.read(size)) == size:
            image = np.frombuffer(frame, dtype=np.uint8).reshape(height, width, 3)
            found = pose.process(image).pose_landmarks
            points = [[round(p.x * width, 2), round(p.y * height, 2), round(p.visibility, 4)] for p in found.landmark] \
                if found else None  # fmt: skip
            print(json.dumps(points), file=answers)


if __name__ == "__main__":
    main()
