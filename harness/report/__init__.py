"""What a run leaves for people and programs: verdict, summary, page, annotations, log of runs."""
