"""What travellers and the concierge of the demo say to each other. ``>`` is ours, ``<`` is theirs."""

from collections.abc import Iterator

_TALKS = """
< Hi! Is the 8:15 ferry to Cacilhas running tomorrow?
> Good morning! Yes, the 8:15 runs as planned, from gate 4.
< Great, two adults and a bike please
> Booked: two adults and one bike, 8:15 from gate 4. Please be there by 8:00.
< Perfect, thank you!

< Could we check out at noon instead of 10?
> Let me ask the hotel, one moment.
> The hotel says 12:00 is fine, at no charge.
< You're the best

< Our train is an hour late, will we still get the room?
> No problem, the desk is open until midnight and knows you are late.
< Phew. Thanks
> The code for the front door after 22:00 is on your voucher.

< What is the booking number for the hotel again?
> It's LT-{code}, Hotel Avenida, two nights from {day}.
< Got it

< Is breakfast included?
> Yes, from 7:00 to 10:30 on the first floor.
< And do they have something vegan?
> They do: oat milk, fruit, bread and a warm dish every day.
< Lovely

< Can you move us to the 9:30 ferry? We overslept 😅
> Done, you are on the 9:30 now. The old tickets still open the gate.
< Lifesaver

< Do you have a crib for the room?
> Yes, it will be in the room when you arrive.
< Thank you! And how far is the beach?
> Seven minutes on foot, or one stop with tram 15.
< 👍

< Hi, the taxi hasn't come yet
> Sorry to hear that. The driver is at the north exit, a grey Skoda, plate ending {code}.
< I see him!
> Have a safe trip.

< Is there parking near the hotel?
> There is a garage in Rua Castilho, 18 € a day, and we can reserve a place.
< Yes please, from {day}, three days
> Reserved for three days from {day}. Show the voucher at the barrier.
< Great

< Hello, we would like to add one more person to the boat tour
> Gladly. What is the name?
< Elena Rossi
> Added: Elena Rossi, boat tour at 14:00. The new total is 126 €.
< Thanks!

< Is the pool open in the evening?
> Until 21:00, and the sauna until 22:00.
< Nice, see you tonight

< We left a charger in room {room}
> I have asked the hotel. They have found it and keep it at the desk.
< Can they send it to us?
> Yes, for 9 € by post. Shall I order that?
< Please do
> Ordered, it should reach you within four days.

< When do we have to be at the airport?
> Your flight leaves at 17:40, so 15:40 would be right. Shall I order a taxi for 15:00?
< Yes, four people and five bags
> A van for four people and five bags at 15:00, at the front door.
< ❤️

< Hi, is tomorrow's walking tour on if it rains?
> It takes place in any weather. Umbrellas are at the meeting point.
< Ok good

< Can I pay the rest by card at the desk?
> Yes, all cards but Diners. It is 240 € for the two nights.
< Thanks

< Which bus goes from the station to the hotel?
> Bus 732 from stop B, every 12 minutes, get off at Avenida.
< We're on it
> The desk is expecting you.
"""
REMINDERS = (
    "Your ferry leaves tomorrow at 8:15 from gate 4. Have a good trip!",
    "Your room at Hotel Avenida is ready from 15:00 tomorrow.",
    "How was your stay? Reply with anything we could do better.",
)


def _read(text: str) -> Iterator[list[tuple[bool, str]]]:
    for block in text.strip().split("\n\n"):
        yield [(line.startswith(">"), line[2:]) for line in block.splitlines()]


# Each talk is a list of (is ours, text); the traveller begins.
TALKS = list(_read(_TALKS))
