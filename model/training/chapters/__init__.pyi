from .course import ChapterCourse as ChapterCourse
from .cutting import CHAPTER_S as CHAPTER_S
from .cutting import cut_into_chapters as cut_into_chapters
from .cutting import find_cuts as find_cuts
