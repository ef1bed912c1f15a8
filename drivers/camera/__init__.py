"""Codes seen by a camera. OpenCV and zxing-cpp are loaded only in a child process that may die at any frame."""
