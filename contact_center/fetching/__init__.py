"""The one door through which the hub fetches addresses that strangers wrote: public places alone, little and soon."""
